import { mergeMap, type OperatorFunction } from 'rxjs';
import type { Frame } from '../frame.js';
import { GpuError } from '../gpu/errors.js';
import type { Segmenter } from '../model/inference/segmenter.js';
import type { GpuProbabilityMap } from '../model/probability-map.js';

/**
 * As `segment`, but the maps stay on the GPU. Whoever gets one releases it: the segmenter works on no more frames at a
 * time than it has room for.
 * Errors with GpuError where the segmenter is not on the GPU after all, because that failed before the first frame.
 */
export function segmentOnGpu(
  segmenter: () => Promise<Segmenter>,
): OperatorFunction<Frame, GpuProbabilityMap> {
  return mergeMap(async (frame) => {
    const network = await segmenter();
    if (network.predictOnGpu === undefined) throw new GpuError('missing', 'The network is not on the GPU.');
    return network.predictOnGpu(frame);
  });
}
