import type { FastifyInstance } from 'fastify';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { windowTable } from '../../stages/live/tables.js';
import type { WindowRow } from '../../tables/schemas.js';
import type { LiveDesk } from './desk.js';
import type { PickedWindow, ShownPick } from './messages.js';
import { stateOf } from './state.js';

/** Listeners at once. */
const LISTENERS = 64;
/** Bytes that may wait for one listener: beyond the first it is told no states, beyond the second it is let go. */
const BEHIND = 2 ** 18;
const LOST = 2 ** 24;
/** Earlier windows that a listener may ask for. */
const EARLIER = 1000;
/** Milliseconds between states. */
const PACE = 1000;
/** Milliseconds between looks at whether listeners are still there. */
const HEARTBEAT = 60_000;

const sinceSchema = z.object({ since: z.coerce.number().int().min(0).optional() });
const windowSchema = z.object({ window: z.coerce.number().int().min(1) });

/**
 * `WS /events`: windows as they end, labels as they are given, and where the run stands, once a second at most. `GET /windows/<n>`:
 * one window.
 *
 * A listener that does not keep up is told fewer states, and loses no window or label until 16 MB wait for it: then it is let go, and
 * may come back with `?since=`.
 */
export function feed(app: FastifyInstance, desk: LiveDesk): void {
  const { run, source, scenes, pictures, events, status, labels } = desk;
  const table = windowTable(run);
  /** With the last window that each was told of: one may be on disk before it is told of. */
  const listeners = new Map<WebSocket, number>();

  async function shown(window: number, rows: readonly WindowRow[]): Promise<PickedWindow> {
    const picks: ShownPick[] = [];
    for (const { window: _, ...row } of rows) {
      const { scene, frame, superpixel } = row;
      const views = await scenes.look(scene, (one) => one.views({ frame, superpixel }));
      const outline = await pictures.outline({ scene, id: frame }, superpixel).catch(() => undefined);
      const [atScene, atFrame] = [scene, frame].map(encodeURIComponent);
      const crop = `/scenes/${atScene}/frames/${atFrame}/superpixels/${superpixel}/crop.jpg`;
      const name = labels.classOf(row) ?? null;
      picks.push({ ...row, views: views ?? [], crop, outline: outline ?? null, class: name });
    }
    return { window, picks };
  }

  function send(socket: WebSocket, text: string, mayBeLeftOut: boolean): void {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > LOST) socket.close(1013, 'too slow: come back with ?since=');
    else if (!mayBeLeftOut || socket.bufferedAmount < BEHIND) socket.send(text);
  }

  /** What is told of windows, one after another, so that none overtakes another. */
  let telling: Promise<void> = Promise.resolve();
  const following = events.subscribe((event) => {
    if (event.type !== 'window') return;
    telling = telling.then(async () => {
      if (listeners.size === 0) return;
      const text = JSON.stringify({ type: 'window', ...(await shown(event.window, event.rows)) });
      for (const [socket, last] of listeners) {
        if (event.window <= last) continue;
        listeners.set(socket, event.window);
        send(socket, text, false);
      }
    });
    telling.catch((error) => app.log.error(error));
    telling = telling.catch(() => {});
  });

  const labelling = labels.taken.subscribe((rows) => {
    const given = rows.map(({ label: _, ...row }) => row);
    const text = JSON.stringify({ type: 'labels', labels: given });
    for (const socket of listeners.keys()) send(socket, text, false);
  });

  let told = '';
  const pacing = setInterval(() => {
    status.sample(source.counts.received);
    if (listeners.size === 0) return;
    const text = JSON.stringify({ type: 'state', ...stateOf(desk) });
    if (text === told) return;
    told = text;
    for (const socket of listeners.keys()) send(socket, text, true);
  }, PACE).unref();

  /** Those that gave a sign of life since the last look. */
  const alive = new WeakSet<WebSocket>();
  const beating = setInterval(() => {
    for (const socket of listeners.keys()) {
      if (!alive.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }, HEARTBEAT).unref();

  app.get(
    '/events',
    {
      websocket: true,
      onRequest: async (_, reply) => {
        if (listeners.size < LISTENERS) return undefined;
        return reply.code(429).send({ error: `There are ${LISTENERS} listeners already.` });
      },
    },
    (socket, request) => {
      socket.on('error', () => {}); // it closes by itself
      alive.add(socket);
      socket.on('pong', () => alive.add(socket));
      const { since } = sinceSchema.catch({}).parse(request.query);
      send(socket, JSON.stringify({ type: 'state', ...stateOf(desk) }), false);
      const begin = async () => {
        // Those that end meanwhile wait for their turn, after this.
        const last = since === undefined ? 0 : await table.last();
        if (since !== undefined) {
          for (let window = Math.max(since, last - EARLIER) + 1; window <= last; window++) {
            const rows = await table.read(window);
            if (rows !== undefined)
              send(socket, JSON.stringify({ type: 'window', ...(await shown(window, rows)) }), false);
          }
        }
        if (socket.readyState === socket.OPEN) listeners.set(socket, last);
      };
      telling = telling.then(begin).catch((error) => app.log.error(error));
      socket.on('close', () => listeners.delete(socket));
    },
  );
  app.get('/windows/:window', async (request, reply) => {
    const { window } = windowSchema.parse(request.params);
    const rows = await table.read(window);
    if (rows === undefined) return reply.code(404).send({ error: `There is no window ${window}.` });
    return shown(window, rows);
  });
  app.addHook('preClose', async () => {
    clearInterval(pacing);
    clearInterval(beating);
    following.unsubscribe();
    labelling.unsubscribe();
    await telling;
    for (const socket of listeners.keys()) socket.close(1001, 'the server is stopping');
  });
}
