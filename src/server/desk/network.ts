import { isAbsolute } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import type { LiveDesk } from './desk.js';

const networkSchema = z.object(
  { model: z.string('the path of a model folder on the machine of the server') },
  'an object with "model"',
);

/** `POST /network`: goes on with another network; frames that came before are looked at anew, newest first. */
export function network(app: FastifyInstance, { networks }: LiveDesk): void {
  app.post('/network', async (request) => {
    const { model } = networkSchema.parse(request.body);
    if (!isAbsolute(model)) throw new UserError(`Expected the whole path of a model folder, got "${model}".`);
    await networks.use(model);
    return { model };
  });
}
