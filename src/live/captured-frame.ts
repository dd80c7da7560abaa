import type { Intrinsics, Size } from '../frame.js';

/** A colour image as its file. */
export interface CapturedColour {
  readonly encoding: 'jpeg' | 'png';
  readonly bytes: Uint8Array;
}

/**
 * A depth image: z-depth, 0 = no measurement. A 16-bit greyscale PNG, or values row by row, little-endian.
 */
export interface CapturedDepth extends Size {
  readonly encoding: 'png16' | 'uint16' | 'float32';
  readonly bytes: Uint8Array;
  /** Stored values a metre: 1000 for millimetres, 1 for metres. */
  readonly scale: number;
}

/** A frame as a device gave it, at the device's sizes, to be stored as it is. */
export interface CapturedFrame {
  readonly scene: string;
  /** Unique within its scene. */
  readonly id: string;
  /** Seconds, of the device's clock. */
  readonly timestamp: number;
  /** Registered to the depth: same viewpoint, same shape, any size. */
  readonly colour: CapturedColour;
  readonly depth: CapturedDepth;
  /** At the depth's size. */
  readonly intrinsics: Intrinsics;
  /** 4×4 row-major, camera to world in metres, OpenCV axes. */
  readonly cameraToWorld: Float64Array;
  /** An 8-bit greyscale PNG of class ids. */
  readonly label?: Uint8Array | undefined;
}
