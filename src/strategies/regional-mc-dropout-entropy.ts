import { from, map, mergeMap, toArray } from 'rxjs';
import type { Size } from '../frame.js';
import { bestFirst } from './best-first.js';
import { entropyOf } from './pixel-uncertainty.js';
import type { Candidate, Strategy, View } from './strategy.js';

/**
 * RMCDR (paper, §4.2; CEREALS, Mackowiak et al., BMVC 2018): square windows with the most MC-dropout entropy.
 *
 *     score(window) = Σ over its pixels not labelled of −Σ_c P(c) log P(c),  P = 1/D Σ_d P_d  (paper, Eq. 1)
 *
 * Every position in a frame is looked at (stride 1). Non-maximum suppression: the best window of the frame stays, those
 * that share a pixel with it go, and so on until none has entropy, so a frame's windows are disjoint. Then the windows of
 * all frames are ranked together. Windows are 40×40 at a width of 320, as in the paper, and grow with the width.
 *
 * Nats × pixels. Ties go to the earlier frame, then to the upper and to the left window, in the suppression too.
 */
export const regionalMcDropoutEntropy: Strategy = {
  name: 'rmcdr',
  title: 'Regional MC-dropout entropy',
  unit: 'window',
  dropout: true,
  rank: (pool) =>
    pool.views().pipe(
      map(windows),
      toArray(),
      mergeMap((frames) => from(frames.flat().sort(bestFirst))),
    ),
};

/** Side of a window in pixels: an eighth of the width, at least 4, within the frame. */
export function windowSide({ width, height }: Size): number {
  return Math.min(Math.max(4, Math.round(width / 8)), width, height);
}

/**
 * Entropy is summed in whole numbers of 2⁻²⁴ nats: sums over windows, taken as differences of sums over the frame, are then
 * exact, windows of equal entropy are equal, and what has none has 0. A double bears 2⁵³: 96 million pixels of log 256.
 */
const NAT = 2 ** 24;

/** A frame's windows after suppression, best first. */
function windows({ frame, map, labelled }: View): Candidate[] {
  const { width } = map;
  const side = windowSide(map);
  const sums = windowSums(unlabelledEntropy(map, labelled), map, side);
  const across = width - side + 1;
  const kept: Candidate[] = [];
  for (;;) {
    let best = 0;
    for (let i = 1; i < sums.length; i++) if (sums[i] > sums[best]) best = i;
    if (sums[best] === 0) return kept;
    const left = best % across;
    const top = (best - left) / across;
    kept.push({
      region: { unit: 'window', scene: frame.scene, frame: frame.id, left, top, width: side, height: side },
      pixels: countUnlabelled(labelled, width, left, top, side),
      score: sums[best] / NAT,
    });
    const bottom = Math.min(top + side, sums.length / across);
    const right = Math.min(left + side, across);
    for (let y = Math.max(0, top - side + 1); y < bottom; y++)
      sums.fill(0, y * across + Math.max(0, left - side + 1), y * across + right);
  }
}

/** H×W: entropy of each pixel in units of 1 / NAT nats, rounded; 0 where labelled. */
function unlabelledEntropy(map: View['map'], labelled: Uint8Array): Float64Array {
  const of = entropyOf(map);
  const entropy = new Float64Array(labelled.length);
  for (let pixel = 0; pixel < entropy.length; pixel++)
    if (labelled[pixel] === 0) entropy[pixel] = Math.round(of(pixel) * NAT);
  return entropy;
}

/**
 * Sums over all square windows of a size, by way of the integral image.
 * @param values H×W whole numbers
 * @returns (H − side + 1)×(W − side + 1), by the window's top and left
 */
function windowSums(values: Float64Array, { width, height }: Size, side: number): Float64Array {
  // integral[y, x] sums rows below y and columns below x, both exclusive: (H + 1)×(W + 1).
  const stride = width + 1;
  const integral = new Float64Array(stride * (height + 1));
  for (let y = 0; y < height; y++) {
    let row = 0;
    for (let x = 0; x < width; x++) {
      row += values[y * width + x];
      integral[(y + 1) * stride + x + 1] = integral[y * stride + x + 1] + row;
    }
  }
  const across = width - side + 1;
  const down = height - side + 1;
  const sums = new Float64Array(across * down);
  for (let top = 0; top < down; top++) {
    const upper = top * stride;
    const lower = (top + side) * stride;
    for (let left = 0; left < across; left++)
      sums[top * across + left] =
        integral[lower + left + side] -
        integral[lower + left] -
        integral[upper + left + side] +
        integral[upper + left];
  }
  return sums;
}

function countUnlabelled(
  labelled: Uint8Array,
  width: number,
  left: number,
  top: number,
  side: number,
): number {
  let count = 0;
  for (let y = top; y < top + side; y++)
    for (let x = left; x < left + side; x++) if (labelled[y * width + x] === 0) count++;
  return count;
}
