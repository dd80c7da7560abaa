import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { FrameId } from '../../tables/frame-tables.js';
import type { LiveDesk } from './desk.js';

const sceneSchema = z.object({ scene: z.string() });
const frameSchema = sceneSchema.extend({ frame: z.string() });
const superpixelSchema = frameSchema.extend({ superpixel: z.coerce.number().int().min(0).max(65535) });

/** Points sent at most: 3.2 MB. */
const POINTS = 200_000;
const QUEUE = 2000;

/** What a scene looks like: its newest frames, its queue and its points. All but points and colours are of this moment. */
export function scenes(app: FastifyInstance, { scenes, pictures, run }: LiveDesk): void {
  app.get('/scenes/:scene/frames/:frame/colour.jpg', async (request, reply) =>
    image(reply, 'image/jpeg', await pictures.colour(idOf(frameSchema.parse(request.params)))),
  );
  app.get('/scenes/:scene/frames/:frame/entropy.png', async (request, reply) => {
    const picture = await pictures.entropy(idOf(frameSchema.parse(request.params)));
    return image(reply.header('cache-control', 'no-store'), 'image/png', picture);
  });
  app.get('/scenes/:scene/frames/:frame/superpixels/:superpixel/crop.jpg', async (request, reply) => {
    const { superpixel, ...frame } = superpixelSchema.parse(request.params);
    return image(reply, 'image/jpeg', await pictures.crop(idOf(frame), superpixel));
  });
  app.get('/scenes/:scene/frames/:frame/superpixels/:superpixel/views', async (request, reply) => {
    const { scene, frame, superpixel } = superpixelSchema.parse(request.params);
    const views = await scenes.look(scene, (one) =>
      one.has(frame) ? one.views({ frame, superpixel }) : undefined,
    );
    return views ?? missing(reply);
  });
  app.get('/scenes/:scene/queue', async (request, reply) => {
    const { scene } = sceneSchema.parse(request.params);
    const best = await scenes.look(scene, (one) => one.best(limitOf(request.query, 12, QUEUE)));
    if (best === undefined) return missing(reply);
    return best.map(({ frame, superpixel, pixels, viewEntropy, model }) => ({
      ...{ frame, superpixel, pixels, view_entropy: viewEntropy, model },
    }));
  });
  app.get('/scenes/:scene/points', async (request, reply) => {
    const { scene } = sceneSchema.parse(request.params);
    const found = await scenes.look(scene, (one) => ({
      ...{ points: one.points(limitOf(request.query, POINTS, POINTS)), classes: one.classes ?? 2 },
    }));
    if (found === undefined) return missing(reply);
    const { points, classes } = found;
    const bytes = Buffer.alloc(4 * points.length);
    for (let i = 0; i < points.length; i++)
      bytes.writeFloatLE(i % 4 < 3 ? points[i] * run.options.voxel : points[i], 4 * i);
    reply.header('x-most-entropy', Math.log(classes)).header('cache-control', 'no-store');
    return reply.type('application/octet-stream').send(bytes);
  });
}

function idOf({ scene, frame }: { scene: string; frame: string }): FrameId {
  return { scene, id: frame };
}

function limitOf(query: unknown, usual: number, most: number): number {
  const { limit } = z.object({ limit: z.coerce.number().int().min(1).max(most).default(usual) }).parse(query);
  return limit;
}

function image(reply: FastifyReply, type: string, bytes: Buffer | undefined): FastifyReply {
  if (bytes === undefined) return missing(reply);
  // A frame that is stored never changes.
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'private, max-age=86400');
  return reply.type(type).send(bytes);
}

function missing(reply: FastifyReply): FastifyReply {
  return reply.code(404).send({ error: 'There is no such frame or scene, or it is not scored yet.' });
}
