/** What a frame has to be to be kept. */
export interface KeyframeOptions {
  /** Metres, and `turn` degrees: a frame is kept where it is at least one of them from every keyframe; 0 keeps all. */
  readonly move: number;
  readonly turn: number;
  /** The least sharpness of a frame that is kept (see `sharpness`), 0 to 1; 0 keeps all, and decodes none. */
  readonly sharpness: number;
}

/**
 * 5 cm and 5° keep three or four frames a second of a camera carried through a room. 0.35 drops frames whose edges are
 * smeared over seven pixels of 320, and most of those over five.
 */
export const KEYFRAME_DEFAULTS: KeyframeOptions = { move: 0.05, turn: 5, sharpness: 0.35 };
