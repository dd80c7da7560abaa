import type { Surfaces } from '../selection/surfaces.js';
import { rankSurfaces, type SurfaceScore } from './rank-surfaces.js';
import type { Strategy } from './strategy.js';
import { viewal } from './viewal.js';

/**
 * Beyond the paper: ViewAL, with view entropy weighted by how rare the classes are that the network expects.
 *
 *     score(superpixel) = VE Σ_c P(c) w_c        P = mean distribution over its pixels
 *     w_c = share_c^−½,  share_c = Σ pixels P(c) / Σ pixels  over all that may be labelled next
 *
 * Wall and floor cover most of a room, so most of what is uncertain is theirs, while mIoU counts each class once. The
 * weights want no ground truth: shares are the network's own expectation, as in the class-balanced sampling of superpixels
 * of Cai et al. (CVPR 2021). The root lies half-way between no balance and classes of equal weight (Mahajan et al.,
 * ECCV 2018): with 1 / share, a class that the network believes in nowhere would weigh as much as all walls.
 *
 * A class without a share weighs nothing; what no candidate is expected to be cannot matter. Which of a surface's views is
 * asked for is ViewAL's choice. Nats; ties go to the earlier frame, then to the smaller id.
 */
export const viewalBalanced: Strategy = {
  ...viewal,
  name: 'viewal+balance',
  title: 'ViewAL, balanced over classes',
  rank: (pool) =>
    rankSurfaces(
      pool,
      ({ viewDivergence }) => viewDivergence,
      (scenes) => balancedEntropy(classWeights(pool.classes, scenes)),
    ),
};

function balancedEntropy(weights: Float64Array): SurfaceScore {
  return ({ viewEntropy, meanP }) => {
    let weight = 0;
    for (let c = 0; c < weights.length; c++) weight += meanP[c] * weights[c];
    return viewEntropy * weight;
  };
}

function classWeights(classes: number, scenes: readonly Surfaces[]): Float64Array {
  const expected = new Float64Array(classes);
  let all = 0;
  for (const { candidates } of scenes)
    for (const { meanP, pixels } of candidates) {
      all += pixels;
      for (let c = 0; c < classes; c++) expected[c] += pixels * meanP[c];
    }
  return expected.map((pixels) => (pixels > 0 ? Math.sqrt(all / pixels) : 0));
}
