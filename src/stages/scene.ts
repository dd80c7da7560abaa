import { UserError } from '../errors.js';
import { frameName } from '../frame.js';
import type { FrameEntry } from '../sources/recording.js';
import type { FrameRow, ScoreRow } from '../tables/schemas.js';
import { type SceneKeys, sceneKeys } from './keys.js';
import type { Run } from './run.js';
import type { ScenePoints } from './scene-points.js';

/** A scene on its way through the stages. */
export interface Scene {
  readonly name: string;
  readonly entries: readonly FrameEntry[];
  readonly keys: SceneKeys;
}

/** A scene whose frames have been binned and integrated. */
export interface ObservedScene extends Scene {
  readonly frames: readonly FrameRow[];
  readonly points: ScenePoints;
}

/** A scene whose superpixels have been scored. */
export interface ScoredScene extends Scene {
  readonly frames: readonly FrameRow[];
  readonly scores: readonly ScoreRow[];
}

/**
 * The run's scenes with the keys of their tables.
 * @param probabilityKey digest of what makes the probability maps
 */
export async function listScenes(run: Run, probabilityKey: string): Promise<Scene[]> {
  const scenes: Scene[] = [];
  for (const [name, entries] of run.scenes)
    scenes.push({ name, entries, keys: await sceneKeys(run, entries, probabilityKey) });
  tellOwnSuperpixels(run, scenes);
  return scenes;
}

/** @throws UserError where a folder of superpixels was given and has none of any frame */
function tellOwnSuperpixels(run: Run, scenes: readonly Scene[]): void {
  const { superpixels } = run.options;
  if (superpixels === null) return;
  const frames = scenes.flatMap((scene) => [...scene.keys.frames.values()]);
  const missing = frames.filter((frame) => frame.own.superpixels === undefined).length;
  if (missing === frames.length)
    throw new UserError(
      `${superpixels} has superpixels of no frame: expected files such as ${frameName(run.recording.frames[0])}.png.`,
    );
  if (missing > 0)
    run.monitor.note(
      `${missing} of ${frames.length} frames have no superpixels in ${superpixels}: theirs are cut here`,
    );
}
