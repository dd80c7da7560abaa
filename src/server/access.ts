import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { UserError } from '../errors.js';
import { isLoopback, type ServerOptions } from './options.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a route answers without a token: one that tells nothing of the run. */
    isOpen?: boolean;
  }
}

/**
 * Who may speak to the server: with a token, whoever shows it; without one, programs on this machine.
 *
 * A web page from elsewhere that somebody here looks at is no such program, though it runs on this machine. Browsers let it
 * open WebSockets to any address, and send what needs no asking first; they say where it comes from (Origin), which must be
 * this server. A name of theirs that leads to this machine's address would pass as that (DNS rebinding), so without a
 * token the server answers to this machine's own names alone.
 * @throws UserError where others could reach the server and there is no token
 */
export function guard(app: FastifyInstance, { address, token }: ServerOptions): void {
  if (token === undefined && !isLoopback(address.host))
    throw new UserError(
      `Listening on ${address.host} lets other machines in: expected a token that they must show.`,
    );
  if (token !== undefined && !/^\S+$/.test(token))
    throw new UserError('Expected a token of at least one character, without spaces.');
  const expected = token === undefined ? undefined : digest(token);

  app.addHook('onRequest', async (request, reply) => {
    const refuse = (status: number, error: string) => reply.code(status).send({ error });
    if (expected === undefined && !isLoopback(hostOf(request)))
      return refuse(
        403,
        'This server is for its own machine: expected localhost, 127.0.0.1 or [::1] as its name.',
      );
    const { origin } = request.headers;
    if (origin !== undefined && hostOfOrigin(origin) !== request.headers.host)
      return refuse(403, 'Pages from other places may not use this server.');
    if (expected === undefined || request.routeOptions.config.isOpen === true) return;
    const shown = shownToken(request);
    if (shown === undefined || !timingSafeEqual(digest(shown), expected)) {
      reply.header('www-authenticate', 'Bearer');
      return refuse(401, 'Expected a valid token, as "Authorization: Bearer <token>" or "?token=<token>".');
    }
  });
}

/** Of one length whatever the token's, as the comparison needs, and as tells nothing of it. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Browsers cannot send headers with a WebSocket, hence the query. */
function shownToken({ headers, query }: FastifyRequest): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  const { token } = query as { token?: unknown };
  return bearer ?? (typeof token === 'string' ? token : undefined);
}

/** The host that a request is for, without port and brackets; empty where it names none. */
function hostOf({ headers }: FastifyRequest): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(headers.host ?? '') ?? [];
  return (bracketed ?? plain ?? '').toLowerCase();
}

/** Undefined for `null`, which is what sandboxed pages and files say. */
function hostOfOrigin(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
