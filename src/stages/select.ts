import { digest } from '../hash.js';
import { superpixelEffort } from '../labels/effort.js';
import { BudgetMeter, parseBudget } from '../selection/budget.js';
import { pickSurfaces } from '../selection/pick.js';
import { PriorityQueue } from '../selection/priority-queue.js';
import { readArrowMetadata } from '../tables/arrow.js';
import { readParquet, writeParquet } from '../tables/parquet.js';
import {
  ARROW_TABLES,
  PARQUET_TABLES,
  PICKS,
  type PickRow,
  type ScoreRow,
  SELECTIONS,
  type SelectionRow,
} from '../tables/schemas.js';
import type { Run } from './run.js';
import type { Scene, ScoredScene } from './scene.js';
import { sceneOverlaps } from './surfaces.js';

/** A fresh count of the run's budget. */
export function budgetMeter(run: Run): BudgetMeter {
  const { width, height } = run.size;
  return new BudgetMeter(parseBudget(run.options.budget), run.recording.frames.length, width * height);
}

/**
 * A scene's own picks, best first, as far as the budget would reach if all were spent here. Reads incidences and
 * writes the picks table. Superpixels of frames whose labels were trained or validated on are labelled
 * already, hence no candidates.
 */
export async function pickScene(run: Run, scene: ScoredScene): Promise<readonly PickRow[]> {
  const file = run.folder.sceneFile(PICKS.name, scene.name, 'parquet');
  const known = await readParquet(file, PICKS, scene.keys.picks);
  if (known !== undefined) return known;

  const { index, firstOf } = await sceneOverlaps(run, scene);
  const labelled = new Set(
    scene.frames.filter((frame) => frame.trained || frame.validation).map((frame) => frame.frame),
  );
  const queue = new PriorityQueue();
  const divergence = new Float64Array(index.superpixels);
  const scores: ScoreRow[] = [];
  for (const score of scene.scores) {
    const superpixel = firstOf.get(score.frame)! + score.superpixel;
    scores[superpixel] = score;
    if (score.view_entropy === null || labelled.has(score.frame)) continue;
    queue.set(superpixel, score.view_entropy);
    divergence[superpixel] = score.view_divergence ?? 0;
  }

  const picks: PickRow[] = [];
  const meter = budgetMeter(run);
  if (!meter.spent) {
    for (const pick of pickSurfaces(queue, divergence, index)) {
      const row = pickRow(scores[pick.superpixel], scores[pick.trigger], pick.overlapSet);
      picks.push(row);
      meter.add({ pixels: row.pixels, ...superpixelEffort() });
      if (meter.spent) break;
    }
  }
  return writeParquet(file, PICKS, scene.keys.picks, picks);
}

function pickRow(pick: ScoreRow, trigger: ScoreRow, overlapSet: number): PickRow {
  return {
    scene: pick.scene,
    frame: pick.frame,
    superpixel: pick.superpixel,
    pixels: pick.pixels,
    view_entropy: pick.view_entropy!,
    view_divergence: pick.view_divergence!,
    trigger_frame: trigger.frame,
    trigger_superpixel: trigger.superpixel,
    trigger_entropy: trigger.view_entropy!,
    overlap_set: overlapSet,
  };
}

/** Of the run's selections table: what the scenes' picks are computed from. */
export function selectionsKey(scenes: readonly Scene[]): string {
  return digest(
    'selections',
    scenes.map((scene) => scene.keys.picks),
  );
}

/** Writes the selections table, one for the whole run, and drops what is stored of scenes that it is not of. */
export async function writeSelections(
  run: Run,
  scenes: readonly Scene[],
  selections: readonly SelectionRow[],
): Promise<void> {
  const file = run.folder.runFile(SELECTIONS.name);
  const key = selectionsKey(scenes);
  if ((await readParquet(file, SELECTIONS, key)) === undefined)
    await writeParquet(file, SELECTIONS, key, selections);
  await run.folder.keepScenes(
    [...PARQUET_TABLES, ...ARROW_TABLES].map((table) => table.name),
    run.scenes.keys(),
    async (path) => path.endsWith('.parquet') || (await readArrowMetadata(path))?.key !== undefined,
  );
}
