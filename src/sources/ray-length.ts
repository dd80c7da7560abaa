import type { Intrinsics, Size } from '../frame.js';

/**
 * From the length of the ray to a surface, as renderers and some sensors give it, to z-depth: z = length / |ray at z = 1|.
 * @param lengths H×W, 0 = no measurement
 * @returns H×W, the unit of `lengths`
 */
export function zOfRayLength(lengths: Float32Array, size: Size, intrinsics: Intrinsics): Float32Array {
  return scaledByRay(lengths, size, intrinsics, (length, ray) => length / ray);
}

/** The other way round. */
export function rayLengthOfZ(depth: Float32Array, size: Size, intrinsics: Intrinsics): Float32Array {
  return scaledByRay(depth, size, intrinsics, (z, ray) => z * ray);
}

function scaledByRay(
  values: Float32Array,
  { width, height }: Size,
  { fx, fy, cx, cy }: Intrinsics,
  scaled: (value: number, ray: number) => number,
): Float32Array {
  const out = new Float32Array(values.length);
  for (let v = 0; v < height; v++) {
    const y = (v - cy) / fy;
    for (let u = 0; u < width; u++) {
      const i = v * width + u;
      out[i] = scaled(values[i], Math.hypot((u - cx) / fx, y, 1));
    }
  }
  return out;
}
