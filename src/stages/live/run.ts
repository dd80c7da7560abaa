import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../../errors.js';
import { isMissing } from '../../files.js';
import type { LiveSource } from '../../live/live-source.js';
import { readClassNames } from '../../model/inference/model-folder.js';
import { RunFolder } from '../../tables/run-folder.js';
import { INCIDENCES } from '../../tables/schemas.js';
import { type Monitor, SILENT } from '../monitor.js';
import { parseOptions, type RunOptions } from '../options.js';
import { absolutePaths, noteCorrection, type Run } from '../run.js';
import { labelledFrames } from '../training/labelled-frames.js';

const NONE: ReadonlySet<string> = new Set();

/**
 * Opens a run folder for frames that come while it runs; the same folder again goes on where it stopped.
 *
 * @param recording where the frames are or will be; it may lie in the run folder
 * @param openSource called once the run folder is this process's own
 * @throws UserError where an option is out of range or there is no network to infer with
 */
export async function openLiveRun<S extends LiveSource>(
  out: string,
  given: Partial<RunOptions>,
  recording: string,
  openSource: () => Promise<S>,
  monitor: Monitor = SILENT,
): Promise<{ readonly run: Run; readonly source: S }> {
  const options = parseOptions({ ...given, ...absolutePaths(given) });
  if (options.model === null)
    throw new UserError(
      'Live frames need a network: expected --model <folder>, such as viewal train writes.',
    );
  await readClassNames(options.model);
  const folder = await RunFolder.open(resolve(out));
  await folder.writeManifest({ recording: resolve(recording), options });
  const source = await openSource();
  noteCorrection(source.recording, monitor);
  const [width, height] = options.size.split('x').map(Number);
  const { whole } = source;
  const labelled = whole ? await labelledFrames(whole, options) : { training: NONE, validation: NONE };
  const count = labelled.training.size + labelled.validation.size;
  if (count > 0) monitor.note(`${count} frames of ${recording} are labelled already, and not asked for`);
  const run = {
    ...{ folder, shared: folder, recording: source.recording, options, size: { width, height }, monitor },
    // Scenes come as they come.
    ...{ scenes: new Map(), ...labelled },
  };
  return { run, source };
}

/** Names (`scene/frame`) of the frames that earlier runs in a folder looked at, in about the order in which they came. */
export async function arrivedBefore(out: string): Promise<readonly string[]> {
  const table = join(resolve(out), INCIDENCES.name);
  const files = await readdir(table, { recursive: true }).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const found: { readonly name: string; readonly time: number }[] = [];
  for (const file of files.sort()) {
    const [, scene, frame] = /^scene=([^/\\]+)[/\\]([^/\\]+)\.arrow$/.exec(file) ?? [];
    if (scene === undefined || frame === undefined) continue;
    const { mtimeMs } = await stat(join(table, file));
    found.push({ name: `${decodeURIComponent(scene)}/${decodeURIComponent(frame)}`, time: mtimeMs });
  }
  return found.sort((a, b) => a.time - b.time).map(({ name }) => name);
}
