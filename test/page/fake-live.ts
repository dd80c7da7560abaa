import type { AddressInfo } from 'node:net';
import websocket from '@fastify/websocket';
import fastify, { type FastifyInstance } from 'fastify';
import sharp, { type Sharp } from 'sharp';
import type { WebSocket } from 'ws';
import type { Frame } from '../../src/frame.js';
import { seedOf } from '../../src/random.js';
import { HEAT } from '../../src/report/colour-map.js';
import { outlineOf } from '../../src/report/outline.js';
import { guard } from '../../src/server/access.js';
import { page } from '../../src/server/page.js';
import { openRecording } from '../../src/sources/open.js';
import { seeds } from '../../src/superpixels/seeds.js';
import type { Superpixels } from '../../src/superpixels/superpixels.js';
import { SAMPLE } from '../sample.js';

const SIZE = { width: 320, height: 240 };

/** Frames of the sample a scene, at most. */
const FRAMES = 4;

/** A frame of the sample with superpixels really cut, and entropies made up from its classes. */
class FakeFrame {
  readonly superpixels: Superpixels;
  /** By superpixel, nats. */
  readonly entropies: readonly number[];
  readonly pixels: readonly number[];

  constructor(
    readonly frame: Frame,
    classes: number,
  ) {
    this.superpixels = seeds(frame.colour, SIZE, { count: 60 });
    const { ids, count } = this.superpixels;
    const votes = new Map<string, number>();
    const pixels = new Array<number>(count).fill(0);
    for (const [i, id] of ids.entries()) {
      const key = `${id} ${frame.labels![i]}`;
      votes.set(key, (votes.get(key) ?? 0) + 1);
      pixels[id]!++;
    }
    this.pixels = pixels;
    this.entropies = pixels.map((all, id) => {
      let [label, most] = [0, 0];
      for (let c = 0; c < classes; c++) {
        const n = votes.get(`${id} ${c}`) ?? 0;
        if (n > most) [label, most] = [c, n];
      }
      // Some classes are hard, and so are borders.
      const hard = (seedOf('class', label) % 100) / 100;
      const odd = (seedOf('superpixel', frame.id, id) % 100) / 100;
      return Math.log(classes) * Math.min(0.05 + 0.55 * hard + 0.5 * (1 - most / all) + 0.15 * odd, 0.95);
    });
  }

  jpeg(): Promise<Buffer> {
    return this.#image().jpeg().toBuffer();
  }

  entropyPng(most: number): Promise<Buffer> {
    const { ids } = this.superpixels;
    const pixels = new Uint8Array(4 * ids.length);
    for (const [i, id] of ids.entries()) {
      if (!(this.frame.depth[i]! > 0)) continue;
      const colour = 3 * Math.round((255 * this.entropies[id]!) / most);
      pixels.set([...HEAT.subarray(colour, colour + 3), 255], 4 * i);
    }
    return sharp(pixels, { raw: { ...SIZE, channels: 4 } })
      .png()
      .toBuffer();
  }

  async crop(superpixel: number): Promise<Buffer> {
    const { path, box } = outlineOf(this.superpixels, superpixel)!;
    const overlay = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE.width}" height="${SIZE.height}"><path d="${path}" fill="none" stroke="#e0007a" stroke-width="1.5"/></svg>`;
    const painted = await this.#image()
      .composite([{ input: Buffer.from(overlay) }])
      .png()
      .toBuffer();
    const left = Math.max(box.x - 20, 0);
    const top = Math.max(box.y - 20, 0);
    const width = Math.min(box.width + 40, SIZE.width - left);
    const height = Math.min(box.height + 40, SIZE.height - top);
    return sharp(painted).extract({ left, top, width, height }).jpeg().toBuffer();
  }

  /** x, y, z and entropy of every fourth pixel. */
  points(): number[] {
    const { depth, cameraToWorld: t, intrinsics } = this.frame;
    const points: number[] = [];
    for (let y = 0; y < SIZE.height; y += 2) {
      for (let x = 0; x < SIZE.width; x += 2) {
        const i = y * SIZE.width + x;
        const z = depth[i]!;
        if (!(z > 0)) continue;
        const p = [((x - intrinsics.cx) / intrinsics.fx) * z, ((y - intrinsics.cy) / intrinsics.fy) * z, z];
        for (let r = 0; r < 3; r++)
          points.push(t[4 * r]! * p[0]! + t[4 * r + 1]! * p[1]! + t[4 * r + 2]! * p[2]! + t[4 * r + 3]!);
        points.push(this.entropies[this.superpixels.ids[i]!]!);
      }
    }
    return points;
  }

  outline(superpixel: number): string {
    return outlineOf(this.superpixels, superpixel)!.path;
  }

  #image(): Sharp {
    return sharp(this.frame.colour, { raw: { ...SIZE, channels: 3 } });
  }
}

interface FakeScene {
  readonly frames: readonly FakeFrame[];
  /** How many of them have come. */
  came: number;
}

const cache = new Map<string, Promise<FakeFrame[]>>();
const { classes: CLASSES } = await openRecording(SAMPLE);

function framesOf(room: string): Promise<FakeFrame[]> {
  const found = cache.get(room) ?? read();
  cache.set(room, found);
  return found;

  async function read(): Promise<FakeFrame[]> {
    const recording = await openRecording(SAMPLE);
    const entries = recording.frames.filter(({ scene }) => scene === room).slice(0, FRAMES);
    const frames = [];
    for (const entry of entries)
      frames.push(new FakeFrame(await recording.read(entry, SIZE), recording.classes.length));
    return frames;
  }
}

export interface FakeOptions {
  readonly token?: string;
  /** Rows that a queue is made to have, by repetition of the real ones under other frames. */
  readonly queueRows?: number;
  readonly port?: number;
}

/**
 * The HTTP and WebSocket interface of a live run, with scenes made up from the sample: for what a real run does not come to, or
 * not when a test wants it.
 */
export class FakeLive {
  readonly scenes = new Map<string, FakeScene>();
  readonly labels: unknown[] = [];
  /** Requests by their path and query. */
  readonly requests: string[] = [];
  model = 'first';
  windows: { readonly window: number; readonly picks: readonly object[] }[] = [];
  /** What the server answers with instead of points, if anything. */
  failure: string | undefined;
  readonly #sockets = new Set<WebSocket>();

  private constructor(
    private readonly app: FastifyInstance,
    private readonly options: FakeOptions,
  ) {}

  static async start(options: FakeOptions = {}): Promise<FakeLive> {
    const app = fastify({ routerOptions: { maxParamLength: 2000 } });
    const fake = new FakeLive(app, options);
    await app.register(websocket);
    guard(app, { address: { host: '127.0.0.1', port: 0 }, token: options.token });
    app.addHook('onRequest', async ({ url }) => {
      fake.requests.push(url);
    });
    app.setErrorHandler((error: Error, _, reply) => reply.code(500).send({ error: error.message }));
    page(app);
    fake.#routes();
    await app.listen({ host: '127.0.0.1', port: options.port ?? 0 });
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.app.server.address() as AddressInfo).port;
  }

  /** @param room of the sample */
  async addScene(name: string, room: string, came = 3): Promise<void> {
    this.scenes.set(name, { frames: await framesOf(room), came });
  }

  /** One more frame of a scene. */
  advance(scene: string): void {
    this.scenes.get(scene)!.came++;
    this.tell();
  }

  /** As another page does. */
  label(labels: readonly object[]): void {
    this.labels.push(...labels);
    this.#send({ type: 'labels', labels });
  }

  tell(): void {
    this.#send({ type: 'state', ...this.state() });
  }

  endWindow(budget = 4): void {
    const rows = [...this.scenes.keys()].flatMap((scene) =>
      this.#queue(scene).map((row) => ({ scene, ...row })),
    );
    rows.sort((a, b) => b.view_entropy - a.view_entropy);
    const from = budget * this.windows.length;
    const picks = rows.slice(from, from + budget).map((row, i) => ({
      ...row,
      rank: i + 1,
      view_divergence: row.view_entropy / 5,
      views: this.#views(row.scene, row.superpixel),
      crop: '',
      outline: this.#frame(row.scene, row.frame).outline(row.superpixel),
      class: null,
    }));
    const window = { window: this.windows.length + 1, picks };
    this.windows.push(window);
    this.#send({ type: 'window', ...window });
    this.tell();
  }

  state() {
    const scenes = [...this.scenes].map(([scene, { frames, came }]) => ({
      scene,
      frames: came,
      candidates: this.#queue(scene).length,
      newest: came === 0 ? null : frames[(came - 1) % frames.length]!.frame.id,
      is_awake: came !== 1,
    }));
    const scored = scenes.reduce((sum, { frames }) => sum + frames, 0);
    return {
      recording: 'workshop-cameras',
      model: this.model,
      model_key: this.model,
      window: '30s',
      budget: '4superpixels',
      frames: {
        ...{ received: 14 * scored + 1203, kept: scored + 211, repeated: 2, refused: 1 },
        ...{ skipped: { still: 13 * scored + 941, blurred: 48 }, waiting: 2, scored: scored + 209 },
      },
      rate: { received: 19.6, scored: 2.8 },
      latency: scored === 0 ? null : { p50: 0.31, p95: 0.82 },
      windows: this.windows.length,
      scenes,
    };
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    await this.app.close();
  }

  #send(event: object): void {
    for (const socket of this.#sockets) socket.send(JSON.stringify(event));
  }

  #frame(scene: string, id: string): FakeFrame {
    const found = this.scenes.get(scene)?.frames.find(({ frame }) => frame.id === id);
    if (found === undefined) throw new Error(`There is no frame ${id} of ${scene}.`);
    return found;
  }

  #queue(scene: string) {
    const { frames, came } = this.scenes.get(scene)!;
    const rows = frames.slice(0, came).flatMap((each) =>
      each.entropies.map((view_entropy, superpixel) => ({
        ...{ frame: each.frame.id, superpixel, pixels: each.pixels[superpixel]! },
        ...{ view_entropy, model: each === frames[0] ? 'zeroth' : this.model },
      })),
    );
    rows.sort((a, b) => b.view_entropy - a.view_entropy);
    const { queueRows } = this.options;
    if (queueRows === undefined || rows.length === 0) return rows;
    return Array.from({ length: queueRows }, (_, i) => rows[i % rows.length]!);
  }

  #views(scene: string, superpixel: number) {
    return this.scenes.get(scene)!.frames.map(({ frame, superpixels }) => ({
      frame: frame.id,
      superpixel: superpixel % superpixels.count,
    }));
  }

  #routes(): void {
    const { app } = this;
    const most = Math.log(CLASSES.length);
    type Named = { Params: { scene: string; frame: string; n: string } };
    app.get('/state', async () => this.state());
    app.get('/classes', async () => CLASSES);
    app.get<Named>('/windows/:n', async ({ params }, reply) => {
      const found = this.windows[Number(params.n) - 1];
      return found ?? reply.code(404).send({ error: `There is no window ${params.n}.` });
    });
    app.get<{ Querystring: { since: string } }>('/events', { websocket: true }, (socket, { query }) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      for (const window of this.windows.slice(Number(query.since)))
        socket.send(JSON.stringify({ type: 'window', ...window }));
    });
    app.post('/windows', async (_, reply) => {
      if (this.failure !== undefined) return reply.code(400).send({ error: this.failure });
      if (this.windows.length === 3) return { window: null, picks: 0 };
      this.endWindow();
      return { window: this.windows.length, picks: this.windows.at(-1)!.picks.length };
    });
    app.post<{ Body: { labels: object[] } }>('/labels', async ({ body }, reply) => {
      if (this.failure !== undefined) return reply.code(400).send({ error: this.failure });
      this.label(body.labels);
      return { labelled: body.labels.length };
    });
    app.get<Named>('/scenes/:scene/queue', async ({ params }) => this.#queue(params.scene));
    app.get<Named>('/scenes/:scene/points', async ({ params }, reply) => {
      if (this.failure !== undefined) return reply.code(500).send({ error: this.failure });
      const { frames, came } = this.scenes.get(params.scene)!;
      const points = Float32Array.from(frames.slice(0, came).flatMap((each) => each.points()));
      return reply
        .type('application/octet-stream')
        .header('x-most-entropy', most)
        .send(Buffer.from(points.buffer));
    });
    const frame = '/scenes/:scene/frames/:frame';
    app.get<Named>(`${frame}/colour.jpg`, async ({ params }, reply) =>
      reply.type('image/jpeg').send(await this.#frame(params.scene, params.frame).jpeg()),
    );
    app.get<Named>(`${frame}/entropy.png`, async ({ params }, reply) =>
      reply.type('image/png').send(await this.#frame(params.scene, params.frame).entropyPng(most)),
    );
    app.get<Named>(`${frame}/superpixels/:n/crop.jpg`, async ({ params }, reply) =>
      reply.type('image/jpeg').send(await this.#frame(params.scene, params.frame).crop(Number(params.n))),
    );
    app.get<Named>(`${frame}/superpixels/:n/views`, async ({ params }) =>
      this.#views(params.scene, Number(params.n)),
    );
  }
}
