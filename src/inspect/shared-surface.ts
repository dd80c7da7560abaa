import { type Correction, correctedPose } from '../sources/correction.js';
import type { View } from './view.js';

/** Metres: coarse enough that two views of a surface, a pixel or a sensor's noise apart, meet in a voxel. */
const VOXEL = 0.04;
/** Voxels along an axis, on either side of the origin: 2.6 km. */
const REACH = 2 ** 16;

/**
 * The share of the surface, in voxels of 4 cm, that at least two of the views see.
 * @returns in [0, 1]; 0 where no view has depth
 */
export function sharedSurface(views: readonly View[], correction: Correction): number {
  let voxels = 0;
  let shared = 0;
  for (const scene of new Set(views.map((view) => view.scene))) {
    /** The view that saw a voxel first, −1 where another did too. */
    const seenBy = new Map<number, number>();
    views.forEach((view, n) => {
      if (view.scene !== scene) return;
      for (const voxel of voxelsOf(view, correction)) {
        const first = seenBy.get(voxel);
        if (first === undefined) seenBy.set(voxel, n);
        else if (first !== n && first !== -1) {
          seenBy.set(voxel, -1);
          shared++;
        }
      }
    });
    voxels += seenBy.size;
  }
  return voxels === 0 ? 0 : shared / voxels;
}

function* voxelsOf(view: View, correction: Correction): Generator<number> {
  const m = correctedPose(view.pose, correction);
  const { width, height, intrinsics } = view;
  const depth = view.depth[correction.depth];
  const cell = (row: number, x: number, y: number, z: number) =>
    Math.floor((m[row] * x + m[row + 1] * y + m[row + 2] * z + m[row + 3]) / VOXEL) + REACH;
  for (let v = 0, i = 0; v < height; v++) {
    for (let u = 0; u < width; u++, i++) {
      if (!(depth[i] > 0)) continue;
      const z = depth[i] * correction.depthFactor;
      const x = ((u - intrinsics.cx) / intrinsics.fx) * z;
      const y = ((v - intrinsics.cy) / intrinsics.fy) * z;
      const [a, b, c] = [cell(0, x, y, z), cell(4, x, y, z), cell(8, x, y, z)];
      if (Math.min(a, b, c) >= 0 && Math.max(a, b, c) < 2 * REACH) yield (a * 2 * REACH + b) * 2 * REACH + c;
    }
  }
}
