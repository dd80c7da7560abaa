import { entropyOf } from './pixel-uncertainty.js';
import { byMean } from './rank-images.js';
import type { Strategy } from './strategy.js';

/**
 * MCDR (paper, §4.2; Gal, Islam and Ghahramani, ICML 2017, "max entropy"): images with the highest mean entropy of the
 * average over D dropout draws.
 *
 *     score(frame) = mean over pixels not labelled of −Σ_c P(c) log P(c),  P = 1/D Σ_d P_d  (paper, Eq. 1)
 *
 * Nats. Ties go to the earlier frame.
 */
export const mcDropoutEntropy: Strategy = {
  name: 'mcdr',
  title: 'MC-dropout entropy',
  unit: 'image',
  dropout: true,
  rank: byMean(entropyOf),
};
