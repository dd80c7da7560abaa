import type { View } from '../../src/geometry/pairwise.js';
import { toHalves } from '../../src/model/probability-map.js';

/** A 2×1 camera at x metres, looking down z at depth d, with f = 1 px so that its pixels are d metres apart. */
export function view(x: number, depths: [number, number], probabilities: number[]): View {
  return {
    frame: {
      width: 2,
      height: 1,
      depth: Float32Array.from(depths),
      intrinsics: { fx: 1, fy: 1, cx: 0, cy: 0 },
      cameraToWorld: Float64Array.of(1, 0, 0, x, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1),
    },
    probabilities: { width: 2, height: 1, classes: 2, data: toHalves(Float32Array.from(probabilities)) },
  };
}
