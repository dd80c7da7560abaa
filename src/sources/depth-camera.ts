import { BadFrameError } from '../errors.js';
import type { Intrinsics, Size } from '../frame.js';

/** A scene's depth camera. It is the frame's camera: colour is taken to be registered to the depth. */
export interface DepthCamera {
  readonly intrinsics: Intrinsics;
  /** The image size that `intrinsics` are for; undefined = the depth image's own. */
  readonly size?: Size | undefined;
  /** Stored depth values a metre. */
  readonly depthScale: number;
  /** The greatest stored depth that is a measurement, inclusive; 0 never is one. */
  readonly greatestDepth: number;
  /** Whether depth is the length of the ray to the surface instead of its z. */
  readonly alongRay?: boolean;
  /** The files that say so, relative to the recording. */
  readonly files: readonly string[];
}

/** @throws BadFrameError where no camera can have these intrinsics */
export function requireIntrinsics(intrinsics: Intrinsics, file: string): Intrinsics {
  const { fx, fy, cx, cy } = intrinsics;
  if (!(fx > 0 && fy > 0 && Number.isFinite(fx + fy))) {
    throw new BadFrameError(file, `focal lengths ${fx} and ${fy}, expected both above 0`);
  }
  if (!Number.isFinite(cx + cy)) {
    throw new BadFrameError(file, `principal point ${cx}, ${cy}, expected finite numbers`);
  }
  return intrinsics;
}
