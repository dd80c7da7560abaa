import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { RunFolder } from '../../tables/run-folder.js';
import { INCIDENCES } from '../../tables/schemas.js';

/** What the folder of a live run says of itself. */
export interface LiveManifest {
  readonly recording: string;
  /** Working size, WIDTHxHEIGHT: what its superpixels were cut at. */
  readonly size: string;
  /** The network that it began with. */
  readonly model: string | null;
}

const schema = z.object({
  recording: z.string(),
  options: z.object({ size: z.string(), model: z.string().nullable() }),
});

/**
 * Reads what a live run says of itself, whether it goes on or not.
 * @throws UserError where the folder is none of a run that looked at frames
 */
export async function readLiveManifest(path: string): Promise<LiveManifest> {
  const manifest = schema.safeParse(await RunFolder.inside(path).readManifest()).data;
  if (manifest === undefined || !existsSync(join(path, INCIDENCES.name)))
    throw new UserError(`Option labels: ${path} is no run folder of viewal live that frames came to.`);
  const { recording, options } = manifest;
  return { recording, ...options };
}
