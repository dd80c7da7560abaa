import { concatMap, lastValueFrom, map, mergeMap, type OperatorFunction, of } from 'rxjs';
import { type Frame, frameName } from '../frame.js';
import type { GpuProbabilityMap, ProbabilityMap } from '../model/probability-map.js';
import type { GpuBinner } from '../store/gpu/binner.js';
import { type GpuIncidences, readIncidences } from '../store/gpu/gpu-incidences.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import { type BinnedFrame, frameInfo } from '../tables/frame-tables.js';

/** A frame whose incidences are on the GPU too. */
export interface ResidentFrame extends BinnedFrame {
  readonly resident: GpuIncidences;
  /** Gives the GPU's copy back to the binner, once. */
  release(): void;
}

/**
 * `observe` and `bin` on the GPU: the map goes into the incidences there. They alone are copied here, and are the bits
 * that the CPU makes of the same map.
 *
 * A frame is cut before it is segmented, so that a map on the GPU waits for nothing: other frames keep the GPU busy
 * meanwhile.
 *
 * @param segmentation of the GPU's maps, those are released here; a map of the CPU is uploaded
 * @param binnerOf the binner for maps of so many classes
 * @param voxelSize metres
 */
export function observeOnGpu(
  segmentation: OperatorFunction<Frame, ProbabilityMap | GpuProbabilityMap>,
  superpixelCut: OperatorFunction<Frame, Superpixels>,
  binnerOf: (classes: number) => Promise<GpuBinner>,
  voxelSize: number,
): OperatorFunction<Frame, ResidentFrame> {
  const bin = async (frame: Frame, superpixels: Superpixels): Promise<ResidentFrame> => {
    const map = await lastValueFrom(of(frame).pipe(segmentation));
    try {
      const binner = await binnerOf(map.classes);
      const resident = await binner.bin(frame, superpixels, 'data' in map ? map : map.buffer, voxelSize);
      const incidences = await readIncidences(binner.gpu, resident, frameName(frame));
      const { scene, id } = frame;
      return {
        scene,
        id,
        info: frameInfo(frame),
        incidences,
        resident,
        release: () => binner.release(resident),
      };
    } finally {
      if ('release' in map) map.release();
    }
  };
  return mergeMap((frame) =>
    of(frame).pipe(
      superpixelCut,
      map((superpixels) => ({ frame, superpixels })),
      concatMap((cut) => bin(cut.frame, cut.superpixels)),
    ),
  );
}
