import { defer, filter, map, mergeMap, reduce } from 'rxjs';
import { IGNORE } from '../frame.js';
import type { ConsensusView, Strategy } from './strategy.js';
import { viewal } from './viewal.js';

/** Frames that must see a surface before it is believed. */
const MIN_VIEWS = 3;
/** Probability that the most probable class of their mean distribution must have. */
const MIN_CONFIDENCE = 0.7;
/** Share of each class, the surest, that is believed: with which class-balanced self-training starts. */
const SUREST = 0.2;
/** Confidences are told apart to this fraction; a power of two, so that scaling is exact. */
const LEVELS = 1024;

/**
 * Beyond the paper: ViewAL, and for the next training the network's own answer on surfaces on which many views agree.
 *
 *     pseudo-label(pixel) = c = argmax Q  where n ≥ 3, Q(c) ≥ 0.7 and Q(c) is among the top fifth of class c
 *
 * Q is the mean distribution of the pixel's voxel over the n frames that see it (Eq. 3): a view that is sure of itself and
 * wrong is outvoted, which CEAL's threshold on a single view cannot do. A threshold for each class is class-balanced
 * self-training (Zou et al., ECCV 2018): with one for all, nearly all pseudo-labels are walls (docs/method.md has figures).
 * A class's pixels are those of the pool that nobody has labelled, with n ≥ 3, where it is the most probable; ranks are
 * told apart to 1/1024. Never counted as labelled.
 */
export const viewalAgreeing: Strategy = {
  ...viewal,
  name: 'viewal+agree',
  title: 'ViewAL, pseudo-labels where views agree',
  pseudoLabels: (pool) =>
    defer(() =>
      pool.consensus().pipe(reduce(countLevels, new Float64Array(pool.classes * (LEVELS + 1)))),
    ).pipe(
      map(thresholds),
      mergeMap((least) =>
        pool.consensus().pipe(
          map((view) => ({
            scene: view.frame.scene,
            frame: view.frame.id,
            labels: agreedLabels(view, least),
          })),
          filter(({ labels }) => labels.some((label) => label !== IGNORE)),
        ),
      ),
    ),
};

function isSeen({ consensus, labelled }: ConsensusView, pixel: number): boolean {
  return labelled[pixel] === 0 && consensus.views[pixel] >= MIN_VIEWS;
}

function level(confidence: number): number {
  return Math.min(LEVELS, Math.floor(confidence * LEVELS));
}

/** Adds a frame's pixels to the counts by class × (LEVELS + 1) + level. */
function countLevels(counts: Float64Array, view: ConsensusView): Float64Array {
  const { label, confidence } = view.consensus;
  for (let pixel = 0; pixel < label.length; pixel++)
    if (isSeen(view, pixel)) counts[label[pixel] * (LEVELS + 1) + level(confidence[pixel])]++;
  return counts;
}

/** By class, the highest level with at least the share of its pixels at or above it. */
function thresholds(counts: Float64Array): Uint16Array {
  return Uint16Array.from({ length: counts.length / (LEVELS + 1) }, (_, c) => {
    const of = counts.subarray(c * (LEVELS + 1), (c + 1) * (LEVELS + 1));
    const wanted = SUREST * of.reduce((sum, count) => sum + count, 0);
    let least = LEVELS;
    for (let above = of[least]; above < wanted; above += of[least]) least--;
    return least;
  });
}

function agreedLabels(view: ConsensusView, least: Uint16Array): Uint8Array {
  const { label, confidence } = view.consensus;
  const labels = new Uint8Array(label.length).fill(IGNORE);
  for (let pixel = 0; pixel < labels.length; pixel++) {
    if (!isSeen(view, pixel) || confidence[pixel] < MIN_CONFIDENCE) continue;
    if (level(confidence[pixel]) >= least[label[pixel]]) labels[pixel] = label[pixel];
  }
  return labels;
}
