import { concatMap, lastValueFrom, NEVER, type Observable, type OperatorFunction, of } from 'rxjs';
import { pull } from '../src/operators/pull.js';
import { selectByWindow } from '../src/operators/select-by-window.js';
import { type Measures, measureStage } from '../src/stages/measure.js';
import type { Progress } from '../src/stages/monitor.js';
import { observeScene } from '../src/stages/observe.js';
import { reportStage } from '../src/stages/report.js';
import type { Run } from '../src/stages/run.js';
import { listScenes, type Scene } from '../src/stages/scene.js';
import { scoreScene } from '../src/stages/score.js';
import {
  hasOwnMaps,
  networkMaps,
  ownMapsOnly,
  type ProbabilitySource,
  segmentation,
} from '../src/stages/segmentation.js';
import { budgetMeter, pickScene, writeSelections } from '../src/stages/select.js';
import { trainStage } from '../src/stages/train.js';
import type { PickRow, SelectionRow } from '../src/tables/schemas.js';

/** What a replay gives; all of it is stored too. */
export interface Replayed {
  /** The superpixels to label, best first. */
  readonly selections: readonly SelectionRow[];
  /** How good the probability maps are where there are labels. */
  readonly measures: Measures;
}

/**
 * A recording in, a ranked list of superpixels to label out: one round of the paper's Figure 3.
 *
 *     labelled frames ─► train
 *                          │
 *     frames ─► read ─┬─► MC dropout ─┬─► bin ─► point store ─► score ─► pick ─┐
 *                     └─► superpixels ┘          (one a scene)                 ├─► merge ─► selections
 *                                                            other scenes' ────┘
 *
 * Everything on the way is stored in the run folder, so the same call again goes on where it stopped. Scenes go
 * through one at a time: memory does not grow with their number.
 */
export async function replay(run: Run): Promise<Replayed> {
  const source = (await hasOwnMaps(run)) ? ownMapsOnly(run) : await networkMaps(run, await trainStage(run));
  try {
    const scenes = await listScenes(run, source.key);
    const progress = run.monitor.begin('observe', run.recording.frames.length, 'frames');
    const selections = await lastValueFrom(scenePicks(run, scenes, source, progress).pipe(selectAll(run)));
    progress.end();
    await writeSelections(run, scenes, selections);
    const measures = await measureStage(run, scenes);
    await reportStage(run, scenes, measures);
    return { selections, measures };
  } finally {
    await source.close();
  }
}

/** Each scene's pick sequence, from its frames. */
export function scenePicks(
  run: Run,
  scenes: readonly Scene[],
  source: ProbabilitySource,
  progress: Progress,
): Observable<readonly PickRow[]> {
  return pull(scenes, 1, (scene) =>
    of(scene).pipe(
      concatMap((each) => observeScene(run, each, segmentation(run, each, source), progress)),
      concatMap((each) => scoreScene(run, each)),
      concatMap((each) => pickScene(run, each)),
    ),
  );
}

/** Merges the scenes' sequences up to the run's budget: in a replay the window is the recording. */
export function selectAll(run: Run): OperatorFunction<readonly PickRow[], readonly SelectionRow[]> {
  return selectByWindow(NEVER, () => budgetMeter(run));
}
