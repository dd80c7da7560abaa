import { doubtOf } from './pixel-uncertainty.js';
import { byMean } from './rank-images.js';
import type { Strategy } from './strategy.js';

/**
 * CONF (paper, §4.2; Settles and Craven, EMNLP 2008, "least confidence"): images with the least mean probability of the
 * most probable class, dropout off.
 *
 *     score(frame) = − mean over pixels not labelled of max_c P(c)
 *
 * From −1 to −1 / C. Ties go to the earlier frame.
 */
export const confidence: Strategy = {
  name: 'conf',
  title: 'Softmax confidence',
  unit: 'image',
  dropout: false,
  rank: byMean(doubtOf),
};
