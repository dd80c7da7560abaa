import { isDeepStrictEqual } from 'node:util';
import { BadFrameError } from '../errors.js';
import { frameName } from '../frame.js';
import { digest } from '../hash.js';
import { loadNetwork } from '../model/checkpoint.js';
import { ConfusionMatrix } from '../model/evaluate.js';
import { mostProbable } from '../model/probability-map.js';
import type { FrameEntry } from '../sources/recording.js';
import { readParquet, writeParquet } from '../tables/parquet.js';
import { METRICS, type MetricRow } from '../tables/schemas.js';
import { type FrameKeys, storedProbabilities } from './origins.js';
import type { Run } from './run.js';
import type { Scene } from './scene.js';

/**
 * Measures the stored probability maps against whatever labels the recording has: the frames trained on and the pool
 * apart. Writes the metrics table; empty where there is nothing to measure.
 */
export async function measureStage(run: Run, scenes: readonly Scene[]): Promise<readonly MetricRow[]> {
  const { recording, folder, training, monitor } = run;
  const key = digest(
    'metrics',
    scenes.map((scene) => scene.keys.points),
    [...training].sort(),
    recording.classes,
  );
  const known = await readParquet(folder.runFile(METRICS.name), METRICS, key);
  if (known !== undefined) return known;

  const labelled = scenes.flatMap((scene) =>
    scene.entries.filter((entry) => entry.labelled).map((entry) => ({ entry, scene })),
  );
  const splits = {
    trained: labelled.filter(({ entry }) => training.has(frameName(entry))),
    pool: labelled.filter(({ entry }) => !training.has(frameName(entry))),
  };
  if (labelled.length === 0 || !(await sameClasses(run))) return [];
  const progress = monitor.begin('measure', labelled.length, 'frames');
  const rows: MetricRow[] = [];
  let missing = 0;
  for (const [split, frames] of Object.entries(splits)) {
    const confusion = new ConfusionMatrix(recording.classes.length);
    let measured = 0;
    for (const { entry, scene } of frames) {
      const added = await addFrame(run, entry, scene.keys.frames.get(entry.id)!, confusion);
      if (added === 'measured') measured++;
      if (added === 'no map') missing++;
      progress.advance();
    }
    if (measured > 0) rows.push(...metricRows(split, measured, confusion, recording.classes));
  }
  progress.end();
  // Measured again once all maps are there.
  if (missing === 0) await writeParquet(folder.runFile(METRICS.name), METRICS, key, rows);
  return rows;
}

/** Whether class c of the maps is class c of the labels, as far as can be known: own maps do not name theirs. */
async function sameClasses({ options, recording }: Run): Promise<boolean> {
  if (options.model === null || options.probabilities !== null) return true;
  const { classNames } = await loadNetwork(options.model);
  return isDeepStrictEqual(classNames, recording.classes);
}

/** Adds a frame's pixels, unless it is bad or its map is of other classes than the labels. */
async function addFrame(
  run: Run,
  entry: FrameEntry,
  keys: FrameKeys,
  confusion: ConfusionMatrix,
): Promise<'measured' | 'left out' | 'no map'> {
  try {
    const map = await storedProbabilities(run, entry, keys);
    if (map === undefined) return 'no map';
    if (map.classes !== confusion.classes) return 'left out';
    const { labels } = await run.recording.read(entry, run.size);
    if (labels === undefined) return 'left out';
    confusion.add(labels, mostProbable(map));
    return 'measured';
  } catch (error) {
    if (error instanceof BadFrameError) return 'left out';
    throw error;
  }
}

function metricRows(
  split: string,
  frames: number,
  confusion: ConfusionMatrix,
  classes: readonly string[],
): MetricRow[] {
  const counts = confusion.truePixels();
  const pixels = counts.reduce((sum, n) => sum + n, 0);
  const row = (metric: string, value: number, name: string | null = null, count = pixels): MetricRow => ({
    split,
    metric,
    class: name,
    value: Number.isNaN(value) ? null : value,
    frames,
    pixels: count,
  });
  return [
    row('miou', confusion.meanIntersectionOverUnion()),
    row('pixel_accuracy', confusion.pixelAccuracy()),
    ...confusion.intersectionOverUnion().map((iou, c) => row('iou', iou, classes[c], counts[c])),
  ];
}
