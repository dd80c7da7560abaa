import type { View } from '../server/desk/messages.js';

/** The server's own sentence on why it did not do as asked. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }

  /** Whether it is about who asks, not about what is asked. */
  get isOfAccess(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

/** Milliseconds after which a server that does not answer is taken to be gone. */
const PATIENCE = 10_000;

/** Where the page came from, and what it shows there. */
export class Server {
  /**
   * @param base the page's own address, which other addresses are relative to
   * @param token kept here alone; undefined where none is needed
   */
  constructor(
    private readonly base: string,
    public token: string | undefined,
  ) {}

  /** @throws Refusal; TypeError or DOMException where the server cannot be reached */
  async get<T>(path: string): Promise<T> {
    return (await this.#fetch(path)).json() as Promise<T>;
  }

  /** @returns a response of good status, its body unread */
  async fetch(path: string): Promise<Response> {
    return this.#fetch(path);
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    const response = await this.#fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return response.json() as Promise<T>;
  }

  /** For images and sockets, which cannot send headers: with the token in its query. */
  address(path: string): URL {
    const url = new URL(path, this.base);
    if (this.token !== undefined) url.searchParams.set('token', this.token);
    return url;
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.token !== undefined) headers.set('authorization', `Bearer ${this.token}`);
    const response = await fetch(new URL(path, this.base), {
      ...init,
      headers,
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (response.ok) return response;
    const { error } = (await response.json().catch(() => ({}))) as { error?: unknown };
    throw new Refusal(
      response.status,
      typeof error === 'string' ? error : `The server answers ${response.status}.`,
    );
  }
}

/** Paths of what the server has. Names come from devices and may hold anything. */
export const paths = {
  scene: (scene: string) => `scenes/${encodeURIComponent(scene)}`,
  frame: (scene: string, frame: string) => `${paths.scene(scene)}/frames/${encodeURIComponent(frame)}`,
  superpixel: (scene: string, { frame, superpixel }: View) =>
    `${paths.frame(scene, frame)}/superpixels/${superpixel}`,
};

/** The token in an address: `?token=` or, where servers and their logs do not see it, `#token=`. */
export function tokenOf({ search, hash }: Location): string | undefined {
  const given = new URLSearchParams(search).get('token') ?? new URLSearchParams(hash.slice(1)).get('token');
  return given ?? undefined;
}
