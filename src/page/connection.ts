import type { GivenLabel, LiveEvent, LiveState, PickedWindow } from '../server/desk/messages.js';
import { Refusal, type Server } from './server.js';

export type Status =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected' }
  /** Tries again after so many seconds. */
  | { readonly kind: 'lost'; readonly seconds: number }
  /** Tries again when it is told to, with another token. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface Listener {
  status(status: Status): void;
  state(state: LiveState): void;
  /** In order, each once. */
  window(window: PickedWindow): void;
  labels(labels: readonly GivenLabel[]): void;
  /** What was told of windows is void: there is another run now. */
  restarted(): void;
}

/** Windows that a page begins with. */
const WINDOWS = 3;

/** Seconds between attempts: doubled from the first, up to the last. */
const SHORTEST = 0.5;
const LONGEST = 8;

/** Milliseconds of silence after which the server is asked whether it is still there. */
const SILENCE = 15_000;

/** Keeps up with the server: by a socket, which it opens again whenever it breaks. */
export class Connection {
  #last: number | undefined;
  #retry = () => {};
  #isLost = false;

  constructor(
    private readonly server: Server,
    private readonly listener: Listener,
  ) {
    const hope = () => {
      if (this.#isLost && !document.hidden) this.retry();
    };
    window.addEventListener('online', hope);
    document.addEventListener('visibilitychange', hope);
  }

  /** Waits no longer for the next attempt. */
  retry(): void {
    this.#retry();
  }

  /** Goes on for as long as the page is open. */
  async run(): Promise<never> {
    for (let seconds = SHORTEST; ; ) {
      this.listener.status({ kind: 'connecting' });
      try {
        await this.#listen(() => {
          seconds = SHORTEST;
        });
      } catch (error) {
        if (error instanceof Refusal && error.isOfAccess) {
          this.listener.status({ kind: 'refused', reason: error.message });
          await this.#pause(undefined);
          continue;
        }
      }
      this.listener.status({ kind: 'lost', seconds });
      await this.#pause(seconds);
      seconds = Math.min(2 * seconds, LONGEST);
    }
  }

  /** Resolves when the socket is closed; rejects where the server cannot be asked. */
  async #listen(opened: () => void): Promise<void> {
    // Asked first: of a socket that is refused a browser does not tell why.
    const state = await this.server.get<LiveState>('state');
    if (this.#last !== undefined && state.windows < this.#last) {
      this.#last = undefined;
      this.listener.restarted();
    }
    this.#last ??= Math.max(state.windows - WINDOWS, 0);
    this.listener.state(state);

    const address = this.server.address(`events?since=${this.#last}`);
    address.protocol = address.protocol.replace('http', 'ws');
    const socket = new WebSocket(address);
    let heard = performance.now();
    const watch = setInterval(async () => {
      if (socket.readyState !== WebSocket.OPEN || performance.now() - heard < SILENCE) return;
      heard = performance.now();
      await this.server.get('state').catch(() => socket.close());
    }, SILENCE / 3);
    await new Promise<void>((resolve) => {
      socket.onopen = () => {
        opened();
        this.listener.status({ kind: 'connected' });
      };
      socket.onmessage = ({ data }) => {
        heard = performance.now();
        this.#take(JSON.parse(data as string) as LiveEvent);
      };
      socket.onclose = () => resolve();
    });
    clearInterval(watch);
  }

  #take(event: LiveEvent): void {
    if (event.type === 'state') this.listener.state(event);
    if (event.type === 'labels') this.listener.labels(event.labels);
    // What is told twice, since it was told while the connection broke, is not news.
    if (event.type !== 'window' || event.window <= this.#last!) return;
    this.#last = event.window;
    this.listener.window(event);
  }

  /** @param seconds for ever if undefined */
  async #pause(seconds: number | undefined): Promise<void> {
    this.#isLost = seconds !== undefined;
    await new Promise<void>((resolve) => {
      this.#retry = resolve;
      if (seconds !== undefined) setTimeout(resolve, 1000 * seconds);
    });
    this.#isLost = false;
  }
}
