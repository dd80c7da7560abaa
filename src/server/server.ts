import websocket from '@fastify/websocket';
import fastify, { type FastifyInstance, type FastifyRequest, LogController } from 'fastify';
import { ZodError } from 'zod';
import { UserError } from '../errors.js';
import type { NetworkSource } from '../live/network-source.js';
import { guard } from './access.js';
import { Ingest } from './ingest.js';
import { Metrics } from './metrics.js';
import { operations } from './operations.js';
import { SERVER_LIMITS, type ServerOptions } from './options.js';

export interface LiveServer {
  /** For more routes, before `listen`. Closing it finishes the frames in hand. */
  readonly app: FastifyInstance;
  readonly metrics: Metrics;
  /**
   * @returns where it listens, as a URL
   * @throws UserError where the address cannot be had
   */
  listen(): Promise<string>;
}

/**
 * A server that takes frames for a source.
 * @param source undefined = it takes none
 * @throws UserError where others could reach it and there is no token
 */
export async function createServer(
  source: NetworkSource | undefined,
  options: ServerOptions,
): Promise<LiveServer> {
  const limits = { ...SERVER_LIMITS, ...options.limits };
  const app = fastify({
    bodyLimit: limits.messageBytes,
    // Names of scenes and frames in addresses, percent-encoded.
    routerOptions: { maxParamLength: 2000 },
    // A request that trickles in for longer holds a client's place for nothing.
    requestTimeout: 60_000,
    // A line or two a frame would bury what matters; metrics count them.
    logController: new LogController({ disableRequestLogging: true }),
    logger: options.log === true && { stream: process.stderr, serializers: { req: shownRequest } },
  });
  app.setNotFoundHandler((request, reply) => {
    // A device with the wrong address would otherwise go unnoticed.
    request.log.warn({ req: request }, 'there is nothing at this address');
    return reply.code(404).send({ error: 'There is nothing here.' });
  });
  app.setErrorHandler((error: Error & { statusCode?: number; code?: string }, request, reply) => {
    const { status, told } = answerTo(error, limits.messageBytes);
    if (status >= 500) request.log.error(error);
    return reply.code(status).send({ error: told });
  });

  let ingest: Ingest | undefined;
  await app.register(websocket, {
    // Compression would let a short message become a long one, and images do not shrink.
    options: { maxPayload: limits.messageBytes, perMessageDeflate: false },
    preClose: async () => {
      await ingest?.close();
      app.websocketServer.close();
    },
  });
  // After the plugin, whose own hook must see a request first: it ends the sockets of those that are refused.
  guard(app, options);
  const metrics = new Metrics(source);
  if (source !== undefined) ingest = new Ingest(app, source, limits, metrics, options.heartbeat ?? 15_000);
  operations(app, source, metrics);
  return {
    app,
    metrics,
    async listen() {
      try {
        return await app.listen(options.address);
      } catch (error) {
        throw explain(error as NodeJS.ErrnoException, options);
      }
    },
  };
}

/** What is logged of a request: not its query, which may hold the token. */
function shownRequest({ method, url, ip }: FastifyRequest) {
  return { method, path: url.split('?', 1)[0], remoteAddress: ip };
}

function answerTo(
  error: Error & { code?: string; statusCode?: number },
  bytes: number,
): { readonly status: number; readonly told: string } {
  if (error instanceof UserError) return { status: 400, told: error.message };
  if (error instanceof ZodError) {
    const { path, message } = error.issues[0]!;
    return { status: 400, told: `Expected ${message}${path.length > 0 ? ` as "${path.join('.')}"` : ''}.` };
  }
  const status = error.statusCode ?? 500;
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return { status, told: `Expected a message of at most ${bytes} bytes.` };
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return {
      status,
      told: 'Expected a body of type application/vnd.apache.arrow.stream for frames, application/json for all else.',
    };
  return {
    status,
    told: status < 500 ? error.message : 'Something failed in the server; its log says what.',
  };
}

function explain(error: NodeJS.ErrnoException, { address: { host, port } }: ServerOptions): unknown {
  switch (error.code) {
    case 'EADDRINUSE':
      return new UserError(`Port ${port} of ${host} is in use: choose another, or stop what uses it.`);
    case 'EACCES':
      return new UserError(`Port ${port} may not be used by this user: choose one above 1023.`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new UserError(`${host} is no address of this machine.`);
    default:
      return error;
  }
}
