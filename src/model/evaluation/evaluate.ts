import type { ProbabilityMap } from '../probability-map.js';
import type { Calibration } from './calibration.js';
import type { ConfusionMatrix } from './confusion-matrix.js';

/**
 * Holds a probability map against the truth, in one pass over it. A pixel's prediction is its most probable class, the
 * first of equals, as `mostProbable` has it. Pixels whose label is no class (`IGNORE` among them) do not count.
 *
 * @param truth H×W labels
 * @param map H×W×C
 * @param confusion of C classes; the labelled pixels are added
 * @param calibration likewise
 * @throws RangeError where sizes or classes differ; nothing is added then
 */
export function evaluate(
  truth: Uint8Array,
  { classes, data }: ProbabilityMap,
  confusion: ConfusionMatrix,
  calibration: Calibration,
): void {
  if (classes !== confusion.classes)
    throw new RangeError(`expected a map of ${confusion.classes} classes, got ${classes}`);
  if (data.length !== truth.length * classes)
    throw new RangeError(`expected a map of ${truth.length} pixels, got ${data.length / classes}`);
  const { counts } = confusion;
  for (let i = 0, at = 0; i < truth.length; i++, at += classes) {
    const label = truth[i];
    if (label >= classes) continue;
    let best = 0;
    // Halves in [0, 1] are ordered as their bits are.
    for (let c = 1; c < classes; c++) if (data[at + c] > data[at + best]) best = c;
    counts[label * classes + best]++;
    calibration.add(data, at, classes, label, best);
  }
}
