import { EMPTY, filter, map } from 'rxjs';
import { IGNORE } from '../frame.js';
import { mostProbable } from '../model/probability-map.js';
import { entropy } from './entropy.js';
import { entropyOf } from './pixel-uncertainty.js';
import type { Strategy, View } from './strategy.js';

/** Nats; δ₀ of the rule below: 0.0275 bits. */
const FIRST_THRESHOLD = 0.0275 * Math.LN2;
/** Nats a round: 0.001815 bits. */
const THRESHOLD_DECAY = 0.001815 * Math.LN2;

/**
 * CEAL (paper, §4.2; Wang et al., IEEE TCSVT 27(12), 2017, "CEAL_EN"): images by softmax entropy, as ENT, and for the next
 * training the network's own answer wherever it is sure of it, dropout off.
 *
 *     score(frame) = mean over pixels not labelled of −Σ_c P(c) log P(c)
 *     pseudo-label(pixel) = argmax_c P(c)  where not labelled and −Σ_c P(c) log P(c) ≤ δ,  δ = δ₀ − round × decay
 *
 * None once δ has come to 0. Nats. Wang et al. take the entropy of an image that has one class, segmentation pixel by pixel.
 * The paper names no δ₀; these are of the CEAL command in the README of its published code, which takes logarithms to base 2:
 * 0.0275 less 0.001815 a round. They lie half-way between 0.05 less 0.0033 and 0.005 less 0.00033, as far as we know what
 * Wang et al. have for faces (CACD) and objects (Caltech-256). Ties go to the earlier frame, of equal classes to the first.
 */
export const ceal: Strategy = {
  name: 'ceal',
  title: 'CEAL entropy',
  unit: 'image',
  dropout: false,
  rank: entropy.rank,
  pseudoLabels: (pool) => {
    const threshold = pseudoLabelThreshold(pool.round);
    if (threshold === 0) return EMPTY;
    return pool.views().pipe(
      map((view) => ({
        scene: view.frame.scene,
        frame: view.frame.id,
        labels: sureLabels(view, threshold),
      })),
      filter(({ labels }) => labels.some((label) => label !== IGNORE)),
    );
  },
};

/** Entropy up to which a pixel is labelled by the network, nats: falls each round, to 0 at last. */
export function pseudoLabelThreshold(round: number): number {
  return Math.max(0, FIRST_THRESHOLD - THRESHOLD_DECAY * round);
}

function sureLabels({ map, labelled }: View, threshold: number): Uint8Array {
  const of = entropyOf(map);
  const labels = mostProbable(map);
  for (let pixel = 0; pixel < labels.length; pixel++)
    if (labelled[pixel] !== 0 || of(pixel) > threshold) labels[pixel] = IGNORE;
  return labels;
}
