import { readArrowMetadata } from '../tables/arrow.js';
import { readParquet } from '../tables/parquet.js';
import { PROBABILITIES, SCORES, SELECTIONS } from '../tables/schemas.js';
import type { Run } from './run.js';
import type { Scene } from './scene.js';
import { hasOwnMaps } from './segmentation.js';
import { selectionsKey } from './select.js';

/** Whether the run trains its network; else the network is given, or the maps are. */
export async function trainsNetwork(run: Run): Promise<boolean> {
  return run.options.model === null && !(await hasOwnMaps(run));
}

/** Whether any frame's current probability map is in the run folder. */
export async function hasStoredMaps({ folder }: Run, scenes: readonly Scene[]): Promise<boolean> {
  for (const { entries, keys } of scenes) {
    for (const entry of entries) {
      const { own, probabilities } = keys.frames.get(entry.id)!;
      if (own.probabilities?.dropped) return true;
      const metadata = await readArrowMetadata(folder.frameFile(PROBABILITIES.name, entry));
      if (metadata?.key === probabilities) return true;
    }
  }
  return false;
}

/**
 * The first stage after training whose results are not there, or are of other inputs; undefined where superpixels
 * are selected. Tables of later stages stand without those of earlier ones, which may be deleted to save space.
 */
export async function missingStage(
  run: Run,
  scenes: readonly Scene[],
): Promise<'infer' | 'score' | 'select' | undefined> {
  const { folder } = run;
  if (await readParquet(folder.runFile(SELECTIONS.name), SELECTIONS, selectionsKey(scenes))) return undefined;
  if (await areScored(run, scenes)) return 'select';
  const isOwn = scenes.some(({ keys }) => [...keys.frames.values()].some(({ own }) => own.probabilities));
  return isOwn || (await hasStoredMaps(run, scenes)) ? 'score' : 'infer';
}

async function areScored({ folder }: Run, scenes: readonly Scene[]): Promise<boolean> {
  for (const { name, keys } of scenes)
    if (!(await readParquet(folder.sceneFile(SCORES.name, name, 'parquet'), SCORES, keys.scores)))
      return false;
  return true;
}
