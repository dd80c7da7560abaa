import { relativePose } from '../geometry/pairwise.js';
import type { Correction } from '../sources/correction.js';
import type { View } from './view.js';

/** What became of the points of one view, or of many, that were carried into another. */
export interface Agreement {
  /** Points carried: pixels with depth. */
  readonly points: number;
  /** Of them, in front of the other camera and in its picture, whether or not there is depth there. */
  readonly inView: number;
  /** Of them, where the other view has depth. */
  readonly tested: number;
  /** Of those tested, within the tolerance of the other view's depth. */
  readonly agreeing: number;
  /** Of those tested, within `NEAR` of it. */
  readonly near: number;
}

/** Metres. */
export const NEAR = 0.05;

export const NOTHING: Agreement = { points: 0, inView: 0, tested: 0, agreeing: 0, near: 0 };

export function sum(a: Agreement, b: Agreement): Agreement {
  return {
    points: a.points + b.points,
    inView: a.inView + b.inView,
    tested: a.tested + b.tested,
    agreeing: a.agreeing + b.agreeing,
    near: a.near + b.near,
  };
}

/** How views are carried into each other under one hypothesis. */
export interface Carrying extends Pick<Correction, 'depth' | 'depthFactor'> {
  /** Metres as read: times `depthFactor` in those of the hypothesis, so that all hypotheses are held to the same. */
  readonly tolerance: number;
  /** Of a view's points, every so many are carried. */
  readonly every?: number;
}

/**
 * Carries points of one view into another, and compares depths there (ViewAL, Section 3.2, but for the count).
 * @param fromPose camera to world, OpenCV axes, metres: corrected as the hypothesis has it
 * @param toPose likewise
 */
export function carry(
  from: View,
  fromPose: Float64Array,
  to: View,
  toPose: Float64Array,
  { depth, depthFactor, tolerance, every = 1 }: Carrying,
): Agreement {
  // Depth stays as read, and the way between the cameras shrinks instead: the same picture, and no copy of depth.
  const m = relativePose(toPose, fromPose);
  const [tx, ty, tz] = [m[3] / depthFactor, m[7] / depthFactor, m[11] / depthFactor];
  const near = NEAR / depthFactor;
  const own = from.depth[depth];
  const theirs = to.depth[depth];
  const { width, height } = to;
  const { fx, fy, cx, cy } = to.intrinsics;
  const { pixels, x, y } = from;
  let points = 0;
  let inView = 0;
  let tested = 0;
  let agreeing = 0;
  let close = 0;
  for (let k = 0; k < pixels.length; k += every) {
    points++;
    const z = own[pixels[k]];
    const px = x[k] * z;
    const py = y[k] * z;
    const there = m[8] * px + m[9] * py + m[10] * z + tz;
    if (!(there > 0)) continue;
    const u = Math.round((fx * (m[0] * px + m[1] * py + m[2] * z + tx)) / there + cx);
    const v = Math.round((fy * (m[4] * px + m[5] * py + m[6] * z + ty)) / there + cy);
    if (!(u >= 0 && u < width && v >= 0 && v < height)) continue;
    inView++;
    const seen = theirs[v * width + u];
    if (!(seen > 0)) continue;
    tested++;
    const off = Math.abs(seen - there);
    if (off <= tolerance) agreeing++;
    if (off <= near) close++;
  }
  return { points, inView, tested, agreeing, near: close };
}
