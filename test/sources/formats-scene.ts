import type { Frame, Intrinsics, Size } from '../../src/frame.js';
import { png } from './builders.js';

// One small scene that every format's test can write: two walls and a floor, seen by a camera that moves and turns. Depth is known
// in closed form, in metres and in doubles; a format rounds it as it does.

/** One view of the scene, before any format. */
export interface SceneFrame {
  /** Seconds. */
  readonly time: number;
  /** 4×4 row by row, camera to world, metres, OpenCV axes. */
  readonly cameraToWorld: Float64Array;
  /** x, y, z, w: the same rotation. */
  readonly quaternion: readonly [number, number, number, number];
  /** H×W, z in metres; 0 where there is none. */
  readonly depth: Float64Array;
  /** H×W×3. */
  readonly colour: Uint8Array;
  /** The same, as a PNG. */
  readonly colourPng: Buffer;
}

export const SCENE_SIZE: Size = { width: 16, height: 12 };
/** 4:3, and the principal point where the pixels' middle is, as every format can say. */
export const SCENE_INTRINSICS: Intrinsics = { fx: 13, fy: 13.5, cx: 7.25, cy: 5.75 };

/** Planes n·x = d of the world, n of length 1. */
const PLANES: readonly (readonly [nx: number, ny: number, nz: number, d: number])[] = [
  [0, 0, 1, 3.2],
  [0.6, 0, 0.8, 3.4],
  [0, 1, 0, 1.3],
];

export const SCENE: readonly SceneFrame[] = [0, 1, 2, 3].map(view);

function view(i: number): SceneFrame {
  // A turn of 0.1 i about (1, 2, 2) / 3.
  const half = 0.05 * i;
  const s = Math.sin(half) / 3;
  const quaternion = [s, 2 * s, 2 * s, Math.cos(half)] as const;
  const cameraToWorld = poseOf(quaternion, [0.1 * i, -0.05 * i, 0.02 * i * i]);
  const { width, height } = SCENE_SIZE;
  const depth = new Float64Array(width * height);
  const colour = new Uint8Array(width * height * 3);
  for (let v = 0; v < height; v++) {
    for (let u = 0; u < width; u++) {
      const at = v * width + u;
      // One corner of each view has no depth.
      depth[at] = u + v < 3 ? 0 : zAt(cameraToWorld, u, v);
      colour.set([(at * 5 + 40 * i) % 256, (at * 3) % 256, 255 - at], at * 3);
    }
  }
  return {
    time: 100 + i / 30,
    cameraToWorld,
    quaternion,
    depth,
    colour,
    colourPng: png(width, height, colour, { type: 2 }),
  };
}

/** Hamilton's formula, for a quaternion of length 1. */
function poseOf([x, y, z, w]: readonly [number, number, number, number], t: readonly number[]): Float64Array {
  return Float64Array.of(
    ...[w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y), t[0]!],
    ...[2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x), t[1]!],
    ...[2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z, t[2]!],
    ...[0, 0, 0, 1],
  );
}

/** z of the nearest plane along a pixel's ray, whose z is 1. */
function zAt(m: Float64Array, u: number, v: number): number {
  const { fx, fy, cx, cy } = SCENE_INTRINSICS;
  const ray = [(u - cx) / fx, (v - cy) / fy, 1];
  const along = [0, 4, 8].map((row) => m[row]! * ray[0]! + m[row + 1]! * ray[1]! + m[row + 2]!);
  let nearest = Number.POSITIVE_INFINITY;
  for (const [nx, ny, nz, d] of PLANES) {
    const z =
      (d - nx * m[3]! - ny * m[7]! - nz * m[11]!) / (nx * along[0]! + ny * along[1]! + nz * along[2]!);
    if (z > 0 && z < nearest) nearest = z;
  }
  return nearest;
}

/** The scene's depth as whole numbers, so many a metre. */
export function storedDepth(frame: SceneFrame, scale: number): Uint16Array {
  return Uint16Array.from(frame.depth, (z) => Math.round(z * scale));
}

/** Inverse of a rigid motion, for formats with poses from world to camera. */
export function inverse(m: Float64Array): Float64Array {
  const t = [0, 1, 2].map((c) => -(m[c]! * m[3]! + m[4 + c]! * m[7]! + m[8 + c]! * m[11]!));
  return Float64Array.of(
    ...[m[0]!, m[4]!, m[8]!, t[0]!],
    ...[m[1]!, m[5]!, m[9]!, t[1]!],
    ...[m[2]!, m[6]!, m[10]!, t[2]!],
    ...[0, 0, 0, 1],
  );
}

/** World points of the scene's pixels, x y z each; NaN where there is no depth. */
export function scenePoints(frame: SceneFrame): Float64Array {
  return pointsOf({ ...SCENE_SIZE, ...frame, intrinsics: SCENE_INTRINSICS });
}

/** World points of a frame's pixels, x y z each; NaN where there is no depth. */
export function pointsOf({
  width,
  height,
  depth,
  intrinsics: { fx, fy, cx, cy },
  cameraToWorld: m,
}: Pick<Frame, 'width' | 'height' | 'intrinsics' | 'cameraToWorld'> & {
  readonly depth: Float32Array | Float64Array;
}): Float64Array {
  const points = new Float64Array(width * height * 3).fill(Number.NaN);
  for (let v = 0; v < height; v++) {
    for (let u = 0; u < width; u++) {
      const z = depth[v * width + u]!;
      if (z === 0) continue;
      const [x, y] = [((u - cx) / fx) * z, ((v - cy) / fy) * z];
      const at = (v * width + u) * 3;
      for (let r = 0; r < 3; r++)
        points[at + r] = m[4 * r]! * x + m[4 * r + 1]! * y + m[4 * r + 2]! * z + m[4 * r + 3]!;
    }
  }
  return points;
}
