import { UserError } from '../../errors.js';
import { frameName, IGNORE } from '../../frame.js';
import { digest } from '../../hash.js';
import { readClassNames } from '../../model/inference/model-folder.js';
import { superpixelTable } from '../../tables/frame-tables.js';
import { RunFolder } from '../../tables/run-folder.js';
import type { LiveLabelRow } from '../../tables/schemas.js';
import { readLiveManifest } from '../live/manifest.js';
import { liveLabelTable } from '../live/tables.js';
import type { Run } from '../run.js';
import type { Scene } from '../scene.js';
import { withTrainingLabels } from './labels.js';

/** Raised when the same labels come to give other training labels. */
const VERSION = 1;

/**
 * The run with what people labelled in a live run to train on, where option `labels` names one: their superpixels, over the
 * recording's own labels of the frames that are trained on, and carried to all other views of the same surfaces. The live run may
 * be going on.
 * @throws UserError where nothing is labelled there, or it is of other superpixels, frames or classes
 */
export async function withPostedLabels(run: Run): Promise<Run> {
  const { labels: path } = run.options;
  if (path === null) return run;
  const live = await readLiveManifest(path);
  if (live.size !== run.options.size)
    throw new UserError(
      `Option size: what was labelled in ${path} are superpixels at ${live.size}, got ${run.options.size}.`,
    );
  const folder = RunFolder.inside(path);
  const { rows } = await liveLabelTable({ folder }).readAll();
  if (rows.length === 0)
    throw new UserError(
      `Nobody has labelled anything in ${path}: expected labels, from its page for instance.`,
    );
  const recording = { ...run.recording, classes: await classesOf(run, live.model) };
  const labels = new Map<string, Map<number, number>>();
  for (const { scene, frame, superpixel, class: name } of rows) {
    const label = recording.classes.indexOf(name);
    if (label < 0)
      throw new UserError(
        `${path} has labels of a class "${name}", ${recording.path} has ${recording.classes.join(', ')}.`,
      );
    const of = labels.get(frameName({ scene, id: frame })) ?? new Map<number, number>();
    of.set(superpixel, label); // what somebody says later is believed
    labels.set(frameName({ scene, id: frame }), of);
  }
  requireFrames(run, path, rows);

  const superpixels = superpixelTable(folder);
  const pixels = run.size.width * run.size.height;
  const people = async ({ entries }: Scene) => {
    const found = new Map<string, Uint8Array>();
    for (const entry of entries) {
      const posted = labels.get(frameName(entry));
      const own = run.training.has(frameName(entry)) ? await run.recording.read(entry, run.size) : undefined;
      if (posted === undefined && own?.labels === undefined) continue;
      const painted = own?.labels?.slice() ?? new Uint8Array(pixels).fill(IGNORE);
      if (posted !== undefined) {
        const cut = await superpixels.read(entry);
        if (cut === undefined)
          throw new UserError(`The superpixels of ${frameName(entry)} in ${path} have gone.`);
        for (let i = 0; i < pixels; i++) painted[i] = posted.get(cut.ids[i]) ?? painted[i];
      }
      found.set(entry.id, painted);
    }
    return found;
  };
  const inScenes = recording.frames.map((entry) => [
    frameName(entry),
    entry.fingerprint,
    run.training.has(frameName(entry)) ? entry.labelFingerprint : undefined,
  ]);
  const { size, voxel } = run.options;
  const key = digest('posted labels', VERSION, size, voxel, recording.classes, rows, inScenes);
  const progress = run.monitor.begin('carry labels', recording.frames.length, 'frames');
  try {
    const labelled = await withTrainingLabels({ ...run, recording }, key, { people, carries: true }, () =>
      progress.advance(),
    );
    const { training } = labelled.run;
    run.monitor.note(
      `${rows.length} labels of ${path} are trained on, carried to ${training.size} frames: ${labelled.carriedPixels} pixels beside those that people labelled`,
    );
    return labelled.run;
  } finally {
    progress.end();
  }
}

/** The recording's classes, or where it has none those of the network that asked. */
async function classesOf({ recording }: Run, model: string | null): Promise<readonly string[]> {
  if (recording.classes.length > 0) return recording.classes;
  const classes = model === null ? undefined : await readClassNames(model);
  if (classes === undefined)
    throw new UserError(`${recording.path} does not say what its classes are, and neither does ${model}.`);
  return classes;
}

/** @throws UserError where a label is of a frame that the recording has not */
function requireFrames({ recording }: Run, path: string, rows: readonly LiveLabelRow[]): void {
  const known = new Set(recording.frames.map(frameName));
  const names = rows.map(({ scene, frame }) => frameName({ scene, id: frame }));
  const missing = names.find((name) => !known.has(name));
  if (missing !== undefined)
    throw new UserError(`${path} has labels of ${missing}, which ${recording.path} has not.`);
}
