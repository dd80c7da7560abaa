import { map, type OperatorFunction } from 'rxjs';
import { binIncidences } from '../store/bin.js';
import type { BinnedFrame } from '../tables/frame-tables.js';
import type { Observation } from './observation.js';

/**
 * Groups each frame's pixels by superpixel and voxel, and lets go of its images.
 * @param voxelSize metres
 */
export function bin(voxelSize: number): OperatorFunction<Observation, BinnedFrame> {
  return map(({ frame, superpixels, probabilities }) => {
    let depthPixels = 0;
    for (const d of frame.depth) if (d > 0) depthPixels++;
    const { scene, id, timestamp, width, height, intrinsics } = frame;
    return {
      scene,
      id,
      info: { timestamp, width, height, intrinsics, cameraToWorld: [...frame.cameraToWorld], depthPixels },
      incidences: binIncidences(frame, superpixels, probabilities, voxelSize),
    };
  });
}
