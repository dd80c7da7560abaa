import { closenessOf } from './pixel-uncertainty.js';
import { byMean } from './rank-images.js';
import type { Strategy } from './strategy.js';

/**
 * MAR (paper, §4.2; Roth and Small, ECML 2006; Joshi et al., CVPR 2009, "best versus second best"): images with the least
 * mean margin between the two most probable classes, dropout off.
 *
 *     score(frame) = − mean over pixels not labelled of (P(c1) − P(c2)),  P(c1) ≥ P(c2) ≥ all others
 *
 * From −1 to 0. Ties go to the earlier frame.
 */
export const margin: Strategy = {
  name: 'mar',
  title: 'Softmax margin',
  unit: 'image',
  dropout: false,
  rank: byMean(closenessOf),
};
