import { map, type OperatorFunction } from 'rxjs';
import { sumIncidences } from '../store/bin.js';
import { footprintOf } from '../store/footprint.js';
import { type BinnedFrame, frameInfo } from '../tables/frame-tables.js';
import type { Observation } from './observation.js';

/**
 * Groups each frame's pixels by superpixel and voxel, and lets go of its images.
 * @param voxelSize metres
 */
export function bin(voxelSize: number): OperatorFunction<Observation, BinnedFrame> {
  return map(({ frame, superpixels, probabilities }) => ({
    scene: frame.scene,
    id: frame.id,
    info: frameInfo(frame),
    incidences: sumIncidences(footprintOf(frame, superpixels, voxelSize), probabilities),
  }));
}
