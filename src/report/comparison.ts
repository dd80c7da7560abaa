import type { Frame, Size } from '../frame.js';
import { mostProbable, type ProbabilityMap } from '../model/probability-map.js';
import type { FrameMetricRow } from '../tables/schemas.js';
import { classMap } from './class-map.js';
import { classColours } from './colour-map.js';
import { errorMap } from './error-map.js';
import { flatPicture, photograph } from './images.js';
import { type LegendEntry, legendOf } from './legend.js';
import { tellingSplit } from './splits.js';

/** A frame to show the prediction of beside the truth, and its standing among the frames of its split. */
export interface ComparedFrame {
  readonly row: FrameMetricRow;
  readonly standing: string;
}

/** Its pictures, data URIs. */
export interface Comparison extends Size, ComparedFrame {
  readonly colour: string;
  readonly truth: string;
  readonly prediction: string;
  readonly errors: string;
  /** Classes that the truth or the prediction holds. */
  readonly legend: readonly LegendEntry[];
}

/** The frames of lowest, median and highest pixel accuracy of the split that tells most; fewer where it has fewer. */
export function framesToCompare(rows: readonly FrameMetricRow[]): ComparedFrame[] {
  const measured = rows.filter((row) => row.pixel_accuracy !== null);
  const split = tellingSplit(measured);
  // The sort is stable: of equals, the earlier scene and frame goes first.
  const sorted = measured
    .filter((row) => row.split === split)
    .sort((a, b) => a.pixel_accuracy! - b.pixel_accuracy!);
  const last = sorted.length - 1;
  if (last < 1) return sorted.map((row) => ({ row, standing: 'only' }));
  const worst = { row: sorted[0], standing: 'worst' };
  const best = { row: sorted[last], standing: 'best' };
  return last < 2 ? [worst, best] : [worst, { row: sorted[last >> 1], standing: 'median' }, best];
}

/**
 * Draws a frame's truth, its prediction, and where they differ.
 * @param truth H×W labels of the frame
 * @param classNames by class
 */
export async function drawComparison(
  compared: ComparedFrame,
  frame: Frame,
  truth: Uint8Array,
  map: ProbabilityMap,
  classNames: readonly string[],
): Promise<Comparison> {
  const { width, height } = frame;
  const predicted = mostProbable(map);
  const colours = classColours(map.classes);
  return {
    ...compared,
    width,
    height,
    colour: await photograph(frame.colour, frame),
    truth: await flatPicture(classMap(frame, truth, colours), frame),
    prediction: await flatPicture(classMap(frame, predicted, colours), frame),
    errors: await flatPicture(errorMap(frame, truth, predicted, map.classes), frame),
    legend: legendOf([truth, predicted], colours, classNames),
  };
}
