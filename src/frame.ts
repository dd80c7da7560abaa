/** Label of a pixel that has no class: never trained on, never counted (paper, Fig. 6). */
export const IGNORE = 255;

/** Width and height of an image, in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Pinhole camera at the frame's own size, in pixels; pixel centres lie at integer coordinates. */
export interface Intrinsics {
  readonly fx: number;
  readonly fy: number;
  readonly cx: number;
  readonly cy: number;
}

/**
 * One RGB-D observation at working size. Whoever holds the frame owns its buffers; operators read them and
 * do not write them.
 */
export interface Frame extends Size {
  /** The unit that shares a point store; frames of different scenes never meet. */
  readonly scene: string;
  /** Unique within its scene. */
  readonly id: string;
  /** Seconds, from the recording's clock; the frame's index where the recording has no clock. */
  readonly timestamp: number;
  /** H×W×3, RGB, row-major. */
  readonly colour: Uint8Array;
  /** H×W, z-depth in metres; 0 = no measurement. */
  readonly depth: Float32Array;
  readonly intrinsics: Intrinsics;
  /** 4×4 row-major, camera to world in metres, OpenCV axes: x right, y down, z forward. */
  readonly cameraToWorld: Float64Array;
  /** H×W class indices, `IGNORE` = unlabelled; undefined where the recording has no labels for the frame. */
  readonly labels?: Uint8Array | undefined;
  /** Sizes of the images that it was read from, where it was read. */
  readonly source?: { readonly colour: Size; readonly depth: Size } | undefined;
}

/** Names a frame across scenes, for messages and hashes. */
export function frameName(frame: { readonly scene: string; readonly id: string }): string {
  return `${frame.scene}/${frame.id}`;
}
