import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { LiveDesk } from './desk.js';

/** Labels in a message at most. */
const MOST = 10_000;
const name = z.string('a name').min(1, 'a name');
const labelsSchema = z.object(
  {
    labels: z
      .array(
        z.object(
          {
            scene: name,
            frame: name,
            superpixel: z.int('a whole number').min(0, 'a whole number from 0'),
            class: name,
          },
          'an object with scene, frame, superpixel and class',
        ),
        'a list of labels',
      )
      .min(1, 'a list of at least one label')
      .max(MOST, `a list of at most ${MOST} labels`),
  },
  'an object with "labels"',
);

/** `POST /labels`: what people labelled is asked for no more, nor are its other views. Answered when it is on disk. */
export function labels(app: FastifyInstance, { labels }: LiveDesk): void {
  app.post('/labels', async (request) => {
    const given = labelsSchema.parse(request.body);
    await labels.add(given.labels);
    return { labelled: given.labels.length };
  });
}
