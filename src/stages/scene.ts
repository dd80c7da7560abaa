import type { FrameEntry } from '../sources/recording.js';
import type { PointStore } from '../store/point-store.js';
import type { FrameRow, ScoreRow } from '../tables/schemas.js';
import { type SceneKeys, sceneKeys } from './keys.js';
import type { Run } from './run.js';

/** A scene on its way through the stages. */
export interface Scene {
  readonly name: string;
  readonly entries: readonly FrameEntry[];
  readonly keys: SceneKeys;
}

/** A scene whose frames have been binned and integrated. */
export interface ObservedScene extends Scene {
  readonly frames: readonly FrameRow[];
  /** The scene's points; read back from the run folder where they were current. */
  readonly store: () => Promise<PointStore>;
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
  return scenes;
}
