import type { ProbabilityMap } from '../model/probability-map.js';
import { fixedPointTerms } from './fixed-point.js';
import type { Footprint } from './footprint.js';
import type { Incidences } from './incidences.js';

/**
 * Adds every pixel's fixed-point terms to its row. Cost is O(pixels × C), whatever the number of frames.
 *
 * @param footprint its arrays are shared with the result, not copied
 * @param probabilities of the same frame
 * @throws RangeError where the map is of another size than the footprint
 */
export function sumIncidences(footprint: Footprint, probabilities: ProbabilityMap): Incidences {
  const { rowOfPixel, ...keys } = footprint;
  const { classes, data } = probabilities;
  const pixels = rowOfPixel.length;
  if (data.length !== pixels * classes)
    throw new RangeError(`expected a map of ${pixels} pixels, got one of ${data.length / classes}`);
  const rows = keys.voxel.length;
  const sumP = new Uint32Array(rows * classes);
  const sumNegLog = new Uint32Array(rows * classes);
  const sumEntropy = new Uint32Array(rows);
  const terms = fixedPointTerms();
  for (let i = 0, at = 0; i < pixels; i++, at += classes) {
    const row = rowOfPixel[i];
    if (row < 0) continue;
    const base = row * classes;
    let entropy = 0;
    for (let c = 0; c < classes; c++) {
      const half = data[at + c];
      sumP[base + c] += terms.p[half];
      sumNegLog[base + c] += terms.negLog[half];
      entropy += terms.entropy[half];
    }
    sumEntropy[row] += entropy;
  }
  return { ...keys, classes, sumP, sumNegLog, sumEntropy };
}
