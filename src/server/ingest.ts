import type { FastifyInstance, FastifyReply } from 'fastify';
import { BadFrameError } from '../errors.js';
import { decodeFrames } from '../live/frame-message.js';
import type { Answer, NetworkSource } from '../live/network-source.js';
import { IngestClient } from './ingest-client.js';
import type { Metrics } from './metrics.js';
import type { ServerLimits } from './options.js';

/** As a body of its own kind needs a browser's asking first, no page from elsewhere gets it past us unasked. */
const BODY_TYPES = ['application/vnd.apache.arrow.stream', 'application/octet-stream'];

/** Milliseconds for clients to take their last answers when the server stops. */
const PATIENCE = 5000;

/** Takes frames: `/ingest` over WebSockets, `POST /frames` over HTTP. docs/live.md describes both. */
export class Ingest {
  readonly #clients = new Set<IngestClient>();
  #posting = 0;

  constructor(
    app: FastifyInstance,
    private readonly source: NetworkSource,
    private readonly limits: ServerLimits,
    private readonly metrics: Metrics,
    heartbeat: number,
  ) {
    app.removeContentTypeParser('text/plain'); // the kind that pages may send anywhere, unasked
    for (const type of BODY_TYPES)
      app.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    app.get(
      '/ingest',
      { websocket: true, onRequest: (_, reply) => this.#admit(reply) },
      (socket, request) => {
        const client = new IngestClient(
          socket,
          source,
          { rows: limits.credit, pixels: limits.pixels, bytes: limits.messageBytes },
          (seconds, answer) => this.#answered(seconds, answer),
          (bytes) => metrics.receivedBytes.inc(bytes),
        );
        this.#clients.add(client);
        metrics.clients.set(this.#clients.size);
        request.log.info({ clients: this.#clients.size }, 'client connected');
        socket.on('error', (error) => request.log.warn({ reason: error.message }, 'connection failed'));
        socket.on('close', (code) => {
          this.#clients.delete(client);
          metrics.clients.set(this.#clients.size);
          request.log.info({ clients: this.#clients.size, code }, 'client gone');
        });
      },
    );
    app.post('/frames', { onRequest: (_, reply) => this.#admitPost(reply) }, (request, reply) =>
      this.#post(request.body, reply),
    );
    const timer = setInterval(() => {
      for (const client of this.#clients) client.heartbeat();
    }, heartbeat).unref();
    app.addHook('onClose', async () => clearInterval(timer));
  }

  /** Before a message is read, so that no more are in memory than the limit says. */
  async #admit(reply: FastifyReply): Promise<FastifyReply | undefined> {
    if (this.source.isClosing) return reply.code(503).send({ error: 'The server is stopping.' });
    if (this.#clients.size + this.#posting >= this.limits.clients)
      return tooMany(reply, `There are ${this.limits.clients} clients already, the most that are taken.`);
    return undefined;
  }

  async #admitPost(reply: FastifyReply): Promise<FastifyReply | undefined> {
    const refused = await this.#admit(reply);
    if (refused !== undefined) return refused;
    if (!this.source.hasRoom)
      return tooMany(reply, 'Too many frames wait to be worked on: send this one again in a second.');
    this.#posting++;
    reply.raw.once('close', () => this.#posting--);
    return undefined;
  }

  async #post(body: unknown, reply: FastifyReply): Promise<FastifyReply> {
    const start = performance.now();
    if (!(body instanceof Uint8Array))
      return reply.code(415).send({ error: `Expected a body of type ${BODY_TYPES[0]}.` });
    this.metrics.receivedBytes.inc(body.length);
    try {
      const rows = decodeFrames(body, { rows: this.limits.credit, pixels: this.limits.pixels });
      const answers = await Promise.all(rows.map((row) => this.source.offer(row)));
      for (const answer of answers) this.#answered((performance.now() - start) / 1000, answer);
      return reply.code(statusOf(answers)).send({ frames: answers });
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error;
      return reply.code(400).send({ error: this.source.refuse(error.message).reason });
    }
  }

  #answered(seconds: number, { status }: Answer): void {
    this.metrics.ingestSeconds.observe({ status }, seconds);
  }

  /** Finishes the frames in hand and tells clients so. */
  async close(): Promise<void> {
    await this.source.close();
    await Promise.all([...this.#clients].map((client) => client.close('the server is stopping', PATIENCE)));
  }
}

function tooMany(reply: FastifyReply, error: string): FastifyReply {
  return reply.code(429).header('retry-after', '1').send({ error });
}

/** 400 where every frame is no good, 503 where one is as good as any and could not be stored. */
function statusOf(answers: readonly Answer[]): number {
  if (answers.some(({ again }) => again === true)) return 503;
  return answers.every(({ status }) => status === 'refused') ? 400 : 200;
}
