import { forkJoin, map, mergeMap, type OperatorFunction, of } from 'rxjs';
import type { Frame } from '../frame.js';
import type { ProbabilityMap } from '../model/probability-map.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import type { Observation } from './observation.js';

/**
 * Sends each frame both ways, through the network and through the superpixel cut, and joins the results. The
 * network is started first: its workers run while the superpixels are cut here.
 */
export function observe(
  segmentation: OperatorFunction<Frame, ProbabilityMap>,
  superpixelCut: OperatorFunction<Frame, Superpixels>,
): OperatorFunction<Frame, Observation> {
  return mergeMap((frame) =>
    forkJoin({
      probabilities: of(frame).pipe(segmentation),
      superpixels: of(frame).pipe(superpixelCut),
    }).pipe(map((seen) => ({ frame, ...seen }))),
  );
}
