import type { Frame } from '../../frame.js';
import { words64 } from '../../gpu/wide.js';
import { DEPTH_TOLERANCE, relativePose } from '../pairwise.js';

/** Words of `Pair` in reproject.wgsl. */
export const PAIR_WORDS = 28;

/** Depths from here on, metres, are not reprojected (`TOO_DEEP` in reproject.wgsl). */
const TOO_DEEP = 2 ** 16;

/** Binary digits after the point at most; fewer where numbers are so large that they would not fit. */
const SLOPE_BITS = 52;
/** A depth of 2¹⁶ m fits with one bit to spare. */
const PLACE_BITS = 46;
/** Cameras so far apart that this many digits do not fit see no surface in common: they are 2³⁰ m apart or more. */
const LEAST_PLACE_BITS = 12;

/** A view's camera, and how far it sees. */
export interface Camera extends Pick<Frame, 'width' | 'height' | 'intrinsics' | 'cameraToWorld'> {
  /** Largest depth that is reprojected, metres. */
  readonly reach: number;
}

export function cameraOf(
  frame: Pick<Frame, 'width' | 'height' | 'depth' | 'intrinsics' | 'cameraToWorld'>,
): Camera {
  const { width, height, intrinsics, cameraToWorld, depth } = frame;
  let reach = 0;
  for (const d of depth) if (d > reach && d < TOO_DEEP) reach = d;
  return { width, height, intrinsics, cameraToWorld: cameraToWorld.slice(), reach };
}

/**
 * Writes how pixels of one view fall on another of the same size, as `Pair` of reproject.wgsl.
 *
 * All but the rounding to fixed point is in double precision, and relative to the cameras, so that it is as exact far from
 * the origin as near it: for real frames of 320×240, columns are within 1e-10 pixels of the CPU's, 2e-12 in the mean, and
 * depths within 2e-13 m.
 *
 * @param at first word
 */
export function writePair(words: Uint32Array, at: number, to: Camera, from: Camera): void {
  const { width, height } = to;
  const m = relativePose(to.cameraToWorld, from.cameraToWorld);
  const { fx, fy, cx, cy } = to.intrinsics;
  const columns: number[][] = [[], [], [], []];
  let steepest = 0;
  const farthest = [0, 0, 0];
  for (let axis = 0; axis < 3; axis++) {
    // Row of the matrix from the view's camera to homogeneous pixels of the frame.
    const row = [0, 1, 2, 3].map((k) => {
      const z = m[8 + k];
      return axis === 0 ? fx * m[k] + cx * z : axis === 1 ? fy * m[4 + k] + cy * z : z;
    });
    const across = row[0] / from.intrinsics.fx;
    const down = row[1] / from.intrinsics.fy;
    const origin = row[2] - across * from.intrinsics.cx - down * from.intrinsics.cy;
    [across, down, origin, row[3]].forEach((value, kind) => {
      columns[kind].push(value);
    });
    // A linear function is largest in a corner.
    let steep = 0;
    for (const u of [0, width - 1])
      for (const v of [0, height - 1]) steep = Math.max(steep, Math.abs(across * u + down * v + origin));
    steepest = Math.max(steepest, steep);
    farthest[axis] = steep * from.reach + Math.abs(row[3]);
  }
  // The largest number that occurs: 2 x − (2 k − 1) z.
  const largest = 2 * Math.max(farthest[0], farthest[1]) + (2 * Math.max(width, height) + 2) * farthest[2];
  const slopeBits = Math.min(SLOPE_BITS, 62 - Math.ceil(Math.log2(steepest)));
  const placeBits = Math.min(PLACE_BITS, slopeBits, 62 - Math.ceil(Math.log2(largest)));
  // Zeros put every pixel at z = 0, where none is seen; the negation takes NaN too.
  words.fill(0, at, at + PAIR_WORDS);
  if (!(placeBits >= LEAST_PLACE_BITS)) return;
  const put = (to: number, value: number, bits: number) => {
    [words[at + to], words[at + to + 1]] = words64(Math.round(value * 2 ** bits));
  };
  for (const [kind, values] of columns.entries())
    for (const [axis, value] of values.entries())
      put(6 * kind + 2 * axis, value, kind === 3 ? placeBits : slopeBits);
  [words[at + 24], words[at + 25]] = words64(Math.floor(DEPTH_TOLERANCE * 2 ** placeBits));
  words[at + 26] = slopeBits;
  words[at + 27] = placeBits;
}
