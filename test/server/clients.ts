import { afterEach } from 'vitest';
import { WebSocket } from 'ws';
import type { NetworkSource } from '../../src/live/network-source.js';
import type { ServerOptions } from '../../src/server/options.js';
import { createServer, type LiveServer } from '../../src/server/server.js';

const servers: LiveServer[] = [];
const sockets: WebSocket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  for (const server of servers.splice(0)) await server.app.close();
});

/** A server on a free port, closed after the test; its URL is without a slash at the end. */
export async function serve(
  source: NetworkSource,
  options: Partial<ServerOptions> = {},
): Promise<{ server: LiveServer; url: string }> {
  const server = await createServer(source, { address: { host: '127.0.0.1', port: 0 }, ...options });
  servers.push(server);
  return { server, url: await server.listen() };
}

export interface Ack {
  readonly type: 'ack';
  readonly scene: string | null;
  readonly frame: string | null;
  readonly status: string;
  readonly reason?: string;
  readonly again?: true;
}

/** A device that keeps what it is told. */
export class Device {
  readonly acks: Ack[] = [];
  credit = 0;
  closed: { code: number; reason: string } | undefined;
  #wake: () => void = () => {};

  private constructor(readonly socket: WebSocket) {
    sockets.push(socket);
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Ack | { type: 'credit'; frames: number };
      if (message.type === 'credit') this.credit = message.frames;
      else this.acks.push(message);
      this.#wake();
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
      this.#wake();
    });
    socket.on('error', () => {});
  }

  /** Resolves when it has been told its credit. */
  static async connect(url: string, headers: Record<string, string> = {}): Promise<Device> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ingest`, {
      headers,
      perMessageDeflate: false,
    });
    const device = new Device(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('open', resolve);
    });
    await device.until(() => device.credit > 0 || device.closed !== undefined);
    return device;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends a message and resolves to the answer to its last frame. */
  async send(message: Uint8Array | string, frames = 1): Promise<Ack> {
    const expected = this.acks.length + frames;
    this.socket.send(message);
    await this.until(() => this.acks.length >= expected || this.closed !== undefined);
    return this.acks.at(-1)!;
  }
}
