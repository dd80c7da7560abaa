import { resolve } from 'node:path';
import { UserError } from '../errors.js';
import type { LiveSource } from '../live/live-source.js';
import { readClassNames } from '../model/inference/model-folder.js';
import { RunFolder } from '../tables/run-folder.js';
import { type Monitor, SILENT } from './monitor.js';
import { parseOptions, type RunOptions } from './options.js';
import { absolutePaths, type Run } from './run.js';

/**
 * Opens a run folder for frames that come while it runs; the same folder again goes on where it stopped.
 * @throws UserError where an option is out of range or there is no network to infer with
 */
export async function openLiveRun(
  out: string,
  given: Partial<RunOptions>,
  source: LiveSource,
  monitor: Monitor = SILENT,
): Promise<Run> {
  const options = parseOptions({ ...given, ...absolutePaths(given) });
  if (options.model === null)
    throw new UserError(
      'Live frames need a network: expected --model <folder>, such as viewal train writes.',
    );
  await readClassNames(options.model);
  const folder = await RunFolder.open(resolve(out));
  const { recording } = source;
  await folder.writeManifest({ recording: recording.path, options });
  const [width, height] = options.size.split('x').map(Number);
  return {
    ...{ folder, shared: folder, recording, options, size: { width, height }, monitor },
    // Nothing is trained, and scenes come as they come.
    ...{ scenes: new Map(), training: new Set(), validation: new Set() },
  };
}
