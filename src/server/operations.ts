import type { FastifyInstance } from 'fastify';
import type { NetworkSource } from '../live/network-source.js';
import type { Metrics } from './metrics.js';

/** `/healthz` for whoever restarts servers, `/metrics` for Prometheus. */
export function operations(app: FastifyInstance, source: NetworkSource | undefined, metrics: Metrics): void {
  app.get('/healthz', { config: { isOpen: true }, logLevel: 'warn' }, async (_, reply) => {
    if (source?.isClosing) return reply.code(503).send({ status: 'stopping' });
    return { status: 'ok' };
  });
  app.get('/metrics', { logLevel: 'warn' }, async (_, reply) => {
    reply.type(metrics.registry.contentType);
    return metrics.registry.metrics();
  });
}
