import { entropyOf } from './pixel-uncertainty.js';
import { byMean } from './rank-images.js';
import type { Strategy } from './strategy.js';

/**
 * ENT (paper, §4.2; Hwa, Computational Linguistics 30(3), 2004): images with the highest mean softmax entropy, dropout
 * off.
 *
 *     score(frame) = mean over pixels not labelled of −Σ_c P(c) log P(c)
 *
 * Nats. Ties go to the earlier frame.
 */
export const entropy: Strategy = {
  name: 'ent',
  title: 'Softmax entropy',
  unit: 'image',
  dropout: false,
  rank: byMean(entropyOf),
};
