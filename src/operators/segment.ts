import { mergeMap, type OperatorFunction } from 'rxjs';
import type { Frame } from '../frame.js';
import type { Segmenter } from '../model/inference/segmenter.js';
import type { ProbabilityMap } from '../model/probability-map.js';

/**
 * MC dropout on each frame (Eq. 1). Maps come in order of completion. The segmenter is asked for at the first
 * frame, so that a run whose maps are all stored loads no network; it stays the caller's to close.
 */
export function segment(
  segmenter: Segmenter | (() => Promise<Segmenter>),
): OperatorFunction<Frame, ProbabilityMap> {
  return mergeMap(async (frame) => {
    const network = typeof segmenter === 'function' ? await segmenter() : segmenter;
    return network.predict(frame);
  });
}
