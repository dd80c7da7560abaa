import { concatMap, type OperatorFunction } from 'rxjs';
import { frameName } from '../frame.js';
import type { GpuPointStore } from '../store/gpu-point-store.js';
import type { BinnedFrame } from '../tables/frame-tables.js';
import type { ResidentFrame } from './observe-on-gpu.js';

/**
 * As `integrate`; a frame whose incidences are on the GPU goes into the store from there, and is released.
 * @param storeOf the store of the frame's scene, made at its first frame
 */
export function integrateOnGpu(
  storeOf: (frame: BinnedFrame) => Promise<GpuPointStore>,
): OperatorFunction<BinnedFrame | ResidentFrame, BinnedFrame> {
  return concatMap(async (frame) => {
    const isResident = 'resident' in frame;
    try {
      const store = await storeOf(frame);
      await store.integrate(isResident ? frame.resident : frame.incidences, frameName(frame));
    } finally {
      if (isResident) frame.release();
    }
    const { scene, id, info, incidences } = frame;
    return { scene, id, info, incidences };
  });
}
