import { rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { BadFrameError } from '../errors.js';
import { frameName } from '../frame.js';
import { digest } from '../hash.js';
import { Calibration } from '../model/evaluation/calibration.js';
import { ConfusionMatrix } from '../model/evaluation/confusion-matrix.js';
import { evaluate } from '../model/evaluation/evaluate.js';
import { readClassNames } from '../model/inference/model-folder.js';
import type { FrameEntry } from '../sources/recording.js';
import { readParquet, writeParquet } from '../tables/parquet.js';
import {
  CALIBRATION,
  type CalibrationRow,
  CONFUSION,
  type ConfusionRow,
  FRAME_METRICS,
  FRAMES,
  type FrameMetricRow,
  METRICS,
  type MetricRow,
} from '../tables/schemas.js';
import { type FrameKeys, storedProbabilities } from './origins.js';
import type { Run } from './run.js';
import { hasStoredMaps } from './run-state.js';
import type { Scene } from './scene.js';

/** Raised when the same maps and labels come to give other tables. */
const VERSION = 2;

/** How good the stored maps are, as the tables of these names hold it; splits in the order trained, validation, pool. */
export interface Measures {
  readonly metrics: readonly MetricRow[];
  readonly frameMetrics: readonly FrameMetricRow[];
  readonly confusion: readonly ConfusionRow[];
  readonly calibration: readonly CalibrationRow[];
  /** Labelled frames whose maps are still to be made; the tables hold the others. */
  readonly missing: number;
}

/**
 * Measures the stored probability maps against whatever labels the recording has: the frames trained on, those of
 * validation and the pool apart. Writes the tables of `Measures`, empty where there is nothing to measure. While maps
 * are missing there are no such tables: they would go stale with the next map. Frames that were skipped have none.
 * Where the network's classes are not those of the labels nothing is measured, which the monitor is told.
 */
export async function measureStage(run: Run, scenes: readonly Scene[]): Promise<Measures> {
  const others = await otherClasses(run);
  if (others !== undefined && run.recording.frames.some(({ labelled }) => labelled))
    run.monitor.note(notMeasured(others, run.recording.classes));
  const known = await storedMeasures(run, scenes);
  if (known !== undefined) return known;
  const measures = await measure(run, scenes, others === undefined);
  const { folder } = run;
  if (measures.missing > 0) {
    for (const { name } of [METRICS, FRAME_METRICS, CONFUSION, CALIBRATION])
      await rm(folder.runFile(name), { force: true });
    return measures;
  }
  const key = measuresKey(run, scenes);
  const { metrics, frameMetrics, confusion, calibration } = measures;
  return {
    metrics: await writeParquet(folder.runFile(METRICS.name), METRICS, key, metrics),
    frameMetrics: await writeParquet(folder.runFile(FRAME_METRICS.name), FRAME_METRICS, key, frameMetrics),
    confusion: await writeParquet(folder.runFile(CONFUSION.name), CONFUSION, key, confusion),
    calibration: await writeParquet(folder.runFile(CALIBRATION.name), CALIBRATION, key, calibration),
    missing: 0,
  };
}

/** What `measureStage` stored of these very maps and labels; undefined where it has not. */
export async function storedMeasures(run: Run, scenes: readonly Scene[]): Promise<Measures | undefined> {
  const { folder } = run;
  const key = measuresKey(run, scenes);
  const metrics = await readParquet(folder.runFile(METRICS.name), METRICS, key);
  const frameMetrics = await readParquet(folder.runFile(FRAME_METRICS.name), FRAME_METRICS, key);
  const confusion = await readParquet(folder.runFile(CONFUSION.name), CONFUSION, key);
  const calibration = await readParquet(folder.runFile(CALIBRATION.name), CALIBRATION, key);
  if (!metrics || !frameMetrics || !confusion || !calibration) return undefined;
  return { metrics, frameMetrics, confusion, calibration, missing: 0 };
}

function measuresKey({ training, validation, recording }: Run, scenes: readonly Scene[]): string {
  return digest(
    'measures',
    VERSION,
    scenes.map((scene) => scene.keys.points),
    [...training].sort(),
    [...validation].sort(),
    recording.classes,
  );
}

interface LabelledFrame {
  readonly entry: FrameEntry;
  readonly keys: FrameKeys;
  /** It could not be used, so it need not have a map. */
  readonly skipped: boolean;
}

/** One pass over the stored maps, a frame at a time. */
async function measure(run: Run, scenes: readonly Scene[], sameClasses: boolean): Promise<Measures> {
  const tables = {
    metrics: [] as MetricRow[],
    frameMetrics: [] as FrameMetricRow[],
    confusion: [] as ConfusionRow[],
    calibration: [] as CalibrationRow[],
  };
  const labelled = await labelledFrames(run, scenes);
  if (labelled.length === 0 || !sameClasses) return { ...tables, missing: 0 };
  if (!(await hasStoredMaps(run, scenes)))
    return { ...tables, missing: labelled.filter(({ skipped }) => !skipped).length };

  const classes = distinctNames(run.recording.classes);
  const progress = run.monitor.begin('measure', labelled.length, 'frames');
  let missing = 0;
  for (const [split, frames] of Object.entries(inSplits(run, labelled))) {
    const confusion = new ConfusionMatrix(classes.length);
    const calibration = new Calibration();
    const before = tables.frameMetrics.length;
    for (const frame of frames) {
      const ofFrame = await evaluateFrame(run, frame, calibration);
      if (ofFrame === 'no map') missing++;
      else if (ofFrame !== 'left out') {
        confusion.addCounts(ofFrame.counts);
        tables.frameMetrics.push(frameRow(split, frame.entry, ofFrame));
      }
      progress.advance();
    }
    const measured = tables.frameMetrics.length - before;
    if (measured === 0) continue;
    tables.metrics.push(...metricRows(split, measured, confusion, calibration, classes));
    tables.confusion.push(...confusionRows(split, confusion, classes));
    tables.calibration.push(...calibrationRows(split, calibration));
  }
  progress.end();
  return { ...tables, missing };
}

async function labelledFrames(run: Run, scenes: readonly Scene[]): Promise<LabelledFrame[]> {
  const labelled: LabelledFrame[] = [];
  for (const { name, entries, keys } of scenes) {
    const rows = await readParquet(
      run.folder.sceneFile(FRAMES.name, name, 'parquet'),
      FRAMES,
      keys.frameRows,
    );
    const skipped = new Set(rows?.filter((row) => !row.used).map((row) => row.frame));
    for (const entry of entries)
      if (entry.labelled)
        labelled.push({ entry, keys: keys.frames.get(entry.id)!, skipped: skipped.has(entry.id) });
  }
  return labelled;
}

/** Names of classes as tables and report have them, where one of several classes is told by its index too. */
export function distinctNames(classes: readonly string[]): readonly string[] {
  return classes.map((name, c) =>
    classes.indexOf(name) === classes.lastIndexOf(name) ? name : `${name} (${c})`,
  );
}

function inSplits({ training, validation }: Run, labelled: readonly LabelledFrame[]) {
  const of = (isIn: (name: string) => boolean) => labelled.filter(({ entry }) => isIn(frameName(entry)));
  return {
    trained: of((name) => training.has(name)),
    validation: of((name) => validation.has(name)),
    pool: of((name) => !training.has(name) && !validation.has(name)),
  };
}

/**
 * The classes of the maps, where class c of theirs is known not to be class c of the labels: own maps do not name
 * theirs, and a network of the user's own need not.
 */
async function otherClasses({ options, recording }: Run): Promise<readonly string[] | undefined> {
  if (options.model === null || options.probabilities !== null) return undefined;
  const classNames = await readClassNames(options.model);
  return isDeepStrictEqual(classNames, recording.classes) ? undefined : classNames;
}

function notMeasured(network: readonly string[], recording: readonly string[]): string {
  const differs = network.findIndex((name, c) => name !== recording[c]);
  const from = differs < 0 ? network.length : differs;
  return `not measured: the network's ${network.length} classes (${someOf(network, from)}) are not the recording's ${recording.length} (${someOf(recording, from)})`;
}

/** Two names, with an ellipsis for those before and after. */
function someOf(classes: readonly string[], from: number): string {
  const [before, after] = [from > 0, from + 2 < classes.length].map((more) => (more ? ['…'] : []));
  return [...before, ...classes.slice(from, from + 2), ...after].join(', ');
}

/**
 * Adds a frame's pixels to the calibration, unless it is bad or its map is of other classes than the labels.
 * @returns its confusion matrix
 */
async function evaluateFrame(
  run: Run,
  { entry, keys, skipped }: LabelledFrame,
  calibration: Calibration,
): Promise<ConfusionMatrix | 'left out' | 'no map'> {
  try {
    // Read first: a bad frame has no map, and never will.
    const { labels } = await run.recording.read(entry, run.size);
    if (labels === undefined) return 'left out';
    const map = await storedProbabilities(run, entry, keys);
    if (map === undefined) return skipped ? 'left out' : 'no map';
    if (map.classes !== run.recording.classes.length) return 'left out';
    const confusion = new ConfusionMatrix(map.classes);
    evaluate(labels, map, confusion, calibration);
    return confusion;
  } catch (error) {
    if (error instanceof BadFrameError) return 'left out';
    throw error;
  }
}

export function frameRow(
  split: string,
  { scene, id }: FrameEntry,
  confusion: ConfusionMatrix,
): FrameMetricRow {
  return {
    split,
    scene,
    frame: id,
    pixels: confusion.pixels(),
    pixel_accuracy: orNull(confusion.pixelAccuracy()),
    miou: orNull(confusion.meanIntersectionOverUnion()),
  };
}

export function metricRows(
  split: string,
  frames: number,
  confusion: ConfusionMatrix,
  calibration: Calibration,
  classes: readonly string[],
): MetricRow[] {
  const all = confusion.pixels();
  const counts = confusion.truePixels();
  const whole = (metric: string, value: number): MetricRow => ({
    split,
    metric,
    class: null,
    value: orNull(value),
    frames,
    pixels: all,
  });
  const ofEach = (metric: string, values: readonly number[]) =>
    values.map(
      (value, c): MetricRow => ({
        split,
        metric,
        class: classes[c],
        value: orNull(value),
        frames,
        pixels: counts[c],
      }),
    );
  return [
    whole('miou', confusion.meanIntersectionOverUnion()),
    whole('pixel_accuracy', confusion.pixelAccuracy()),
    whole('mean_class_accuracy', confusion.meanClassAccuracy()),
    whole('frequency_weighted_iou', confusion.frequencyWeightedIntersectionOverUnion()),
    whole('expected_calibration_error', calibration.expectedCalibrationError()),
    whole('negative_log_likelihood', calibration.negativeLogLikelihood()),
    whole('brier_score', calibration.brierScore()),
    ...ofEach('iou', confusion.intersectionOverUnion()),
    ...ofEach('class_accuracy', confusion.classAccuracy()),
  ];
}

export function confusionRows(
  split: string,
  { counts }: ConfusionMatrix,
  classes: readonly string[],
): ConfusionRow[] {
  const rows: ConfusionRow[] = [];
  counts.forEach((pixels, i) => {
    const [truth, predicted] = [classes[Math.floor(i / classes.length)], classes[i % classes.length]];
    if (pixels > 0) rows.push({ split, truth, predicted, pixels });
  });
  return rows;
}

export function calibrationRows(split: string, calibration: Calibration): CalibrationRow[] {
  return calibration.bins().map((bin, i) => ({
    split,
    bin: i,
    lower: bin.lower,
    upper: bin.upper,
    pixels: bin.pixels,
    confidence: orNull(bin.confidence),
    accuracy: orNull(bin.accuracy),
  }));
}

/** A measure of nothing is NaN in memory and null in a table. */
function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
