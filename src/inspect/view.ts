import type { Frame, Intrinsics, Size } from '../frame.js';
import type { Correction } from '../sources/correction.js';
import { zOfRayLength } from '../sources/ray-length.js';

/** About how many pixels are carried into other views, in even rows and columns. */
const CARRIED = 1200;

/** A frame as the geometry check looks at it. */
export interface View extends Size {
  readonly scene: string;
  readonly id: string;
  readonly intrinsics: Intrinsics;
  /** 4×4 row-major, as read. */
  readonly pose: Float64Array;
  /** H×W, as read, and as it would be were it the length of the ray; 0 = none. */
  readonly depth: Readonly<Record<Correction['depth'], Float32Array>>;
  /** Pixels that are carried into other views: their index, and the point of their ray at z = 1. */
  readonly pixels: Uint32Array;
  readonly x: Float32Array;
  readonly y: Float32Array;
}

export function viewOf(frame: Frame): View {
  const { scene, id, width, height, intrinsics, depth } = frame;
  const stride = Math.max(1, Math.floor(Math.sqrt((width * height) / CARRIED)));
  const pixels: number[] = [];
  for (let v = 0; v < height; v += stride)
    for (let u = 0; u < width; u += stride) if (depth[v * width + u] > 0) pixels.push(v * width + u);
  return {
    ...{ scene, id, width, height, intrinsics },
    pose: frame.cameraToWorld,
    depth: { z: depth, ray: zOfRayLength(depth, frame, intrinsics) },
    pixels: Uint32Array.from(pixels),
    x: Float32Array.from(pixels, (i) => ((i % width) - intrinsics.cx) / intrinsics.fx),
    y: Float32Array.from(pixels, (i) => (Math.floor(i / width) - intrinsics.cy) / intrinsics.fy),
  };
}
