import { concatMap, type OperatorFunction } from 'rxjs';
import { frameName } from '../frame.js';
import type { PointStore } from '../store/point-store.js';
import type { BinnedFrame } from '../tables/frame-tables.js';

/**
 * Adds each frame to its scene's store and passes it on. Order does not matter to the store's bits.
 * @param storeOf the store of the frame's scene, made at its first frame
 */
export function integrate(
  storeOf: (frame: BinnedFrame) => Promise<PointStore>,
): OperatorFunction<BinnedFrame, BinnedFrame> {
  return concatMap(async (frame) => {
    const store = await storeOf(frame);
    await store.integrate(frame.incidences, frameName(frame));
    return frame;
  });
}
