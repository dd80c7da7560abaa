import { defer } from 'rxjs';
import { rankSurfaces } from './rank-surfaces.js';
import type { Strategy } from './strategy.js';
import { viewal } from './viewal.js';

/**
 * Beyond the paper: ViewAL, with surfaces drawn at random in proportion to view entropy, instead of the highest ones.
 *
 *     score(superpixel) = log VE + g,  g = −log(−log u),  u uniform in (0, 1) from Pool.random('viewal+sample')
 *
 * The highest scores are a draw without replacement by VE (the Gumbel-max trick): the power acquisition of Kirsch et al.,
 * "Stochastic Batch Acquisition" (TMLR 2023), with exponent 1. A round asks for thousands of superpixels by the word of one
 * network. The highest alone are much of a kind, and leave out whatever it takes with certainty for something else.
 *
 * Which of a surface's views is asked for is ViewAL's choice. Superpixels without view entropy come last; ties go to the
 * earlier frame, then to the smaller id.
 */
export const viewalSampled: Strategy = {
  ...viewal,
  name: 'viewal+sample',
  title: 'ViewAL, surfaces drawn by view entropy',
  rank: (pool) =>
    defer(() => {
      const next = pool.random('viewal+sample');
      // From 2⁻³³ on, so that the logarithm is finite.
      const gumbel = () => -Math.log(-Math.log(next() + 2 ** -33));
      return rankSurfaces(
        pool,
        ({ viewDivergence }) => viewDivergence,
        () =>
          ({ viewEntropy }) =>
            Math.log(viewEntropy) + gumbel(),
      );
    }),
};

/** Beyond the paper: the same, training on each label in all views of its surface. */
export const viewalSampledCarrying: Strategy = {
  ...viewalSampled,
  name: 'viewal+sample+carry',
  title: 'ViewAL, surfaces drawn by view entropy, labels carried to other views',
  carriesLabels: true,
};
