import Table from 'cli-table3';
import type { Compared } from '../../pipelines/compare.js';
import type { Replayed } from '../../pipelines/replay.js';
import { percent } from '../percent.js';
import { sayRun } from '../stages/comparison/round-progress.js';
import type { Run } from '../stages/run.js';
import { trainsNetwork } from '../stages/run-state.js';
import { readParquet } from '../tables/parquet.js';
import { type ComparisonRow, FRAMES, type RoundRow, type SelectionRow } from '../tables/schemas.js';
import { PLAIN } from './plain-table.js';

/** Picks shown on the terminal; the table in the run folder has them all. */
const SHOWN = 10;

/** The first picks as a table. */
export function pickTable(selections: readonly SelectionRow[]): string {
  if (selections.length === 0) return 'Nothing to select: every superpixel is labelled, or none has depth.';
  const table = new Table({
    head: ['#', 'scene', 'frame', 'superpixel', 'pixels', 'entropy', 'divergence', 'trigger', 'other views'],
    ...PLAIN,
    colAligns: ['right', 'left', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
  });
  for (const pick of selections.slice(0, SHOWN))
    table.push([
      pick.rank,
      pick.scene,
      pick.frame,
      pick.superpixel,
      pick.pixels,
      pick.view_entropy.toFixed(3),
      pick.view_divergence.toFixed(3),
      pick.trigger_entropy.toFixed(3),
      pick.overlap_set - 1,
    ]);
  const rest = selections.length - SHOWN;
  return rest > 0 ? `${table}\n… and ${rest} more.` : `${table}`;
}

/** What each round had and how good its network was. */
export function roundTable(rounds: readonly RoundRow[]): string {
  const table = new Table({
    head: ['round', 'regions', 'labelled', 'minutes', 'mIoU', 'pixel accuracy'],
    ...PLAIN,
    colAligns: ['right', 'right', 'right', 'right', 'right', 'right'],
  });
  for (const row of rounds)
    table.push([
      row.round,
      row.regions,
      percent(row.labelled_share),
      row.minutes.toFixed(0),
      percent(row.miou),
      percent(row.pixel_accuracy),
    ]);
  return `${table}`;
}

/** Each strategy's result, best first, and what went wrong. */
export function comparisonSummary({ strategies, failed }: Compared): string {
  const table = new Table({
    head: ['#', 'strategy', 'seeds', 'labelled', 'mIoU', 'labels for 95 % of full training'],
    ...PLAIN,
    colAligns: ['right', 'left', 'right', 'right', 'right', 'right'],
  });
  for (const row of strategies)
    table.push([
      row.rank,
      row.strategy,
      row.seeds,
      percent(row.labelled_share),
      range(row.miou, row.miou_min, row.miou_max),
      labelsNeeded(row),
    ]);
  return [`${table}`, ...failed.map((run) => `failed: ${sayRun(run)}: ${run.reason}`)].join('\n');
}

function labelsNeeded(row: ComparisonRow): string {
  if (row.labels === null) return row.labels_within === null ? '–' : `over ${percent(row.labels_within)}`;
  const known = range(row.labels, row.labels_min, row.labels_max);
  return row.reached < row.seeds ? `${known}, ${row.reached} of ${row.seeds} seeds` : known;
}

/** The mean, and least to most where they differ. */
function range(mean: number | null, min: number | null, max: number | null): string {
  const bare = (share: number | null) => (share === null ? '–' : (100 * share).toFixed(1));
  return mean === null || min === max ? percent(mean) : `${percent(mean)} (${bare(min)} to ${bare(max)})`;
}

/** What was done, what was left out, and where things are. */
export async function runSummary(
  run: Run,
  { selections, measures }: Replayed,
): Promise<{ text: string; used: number }> {
  let used = 0;
  let skipped = run.recording.bad.length;
  for (const scene of run.scenes.keys()) {
    const rows = await readParquet(run.folder.sceneFile(FRAMES.name, scene, 'parquet'), FRAMES);
    used += rows?.filter((row) => row.used).length ?? 0;
  }
  skipped += run.recording.frames.length - used;
  const pool = measures.metrics.find((row) => row.split === 'pool' && row.metric === 'miou');
  const pixels = selections.reduce((sum, pick) => sum + pick.pixels, 0);
  const images = pixels / (run.size.width * run.size.height);
  const lines = [
    `${selections.length} superpixels to label, ${images.toFixed(2)} images' worth (budget ${run.options.budget}).`,
    `${used} frames of ${run.scenes.size} scene${run.scenes.size === 1 ? '' : 's'} used, ${skipped} skipped, ${await labelledFrames(run)}.`,
    ...(pool?.value
      ? [
          `The network's mIoU on the ${pool.frames} other labelled frames is ${(100 * pool.value).toFixed(1)} %.`,
        ]
      : []),
    `Run folder: ${run.folder.path}`,
    `Report:     ${run.folder.report}`,
  ];
  return { text: lines.join('\n'), used };
}

async function labelledFrames(run: Run): Promise<string> {
  const { training, validation } = run;
  if (!(await trainsNetwork(run)))
    return `${training.size + validation.size} labelled already (never selected)`;
  return `${training.size} trained on${validation.size > 0 ? `, ${validation.size} validated on` : ''}`;
}
