import type { Size } from '../frame.js';

/**
 * A partition of an image: every pixel has one superpixel, ids are 0..count-1. Those that `seeds` cuts are 4-connected;
 * a user's own may be in several pieces,
 * and may leave ids out.
 */
export interface Superpixels extends Size {
  readonly count: number;
  /** H×W, row-major. */
  readonly ids: Uint16Array;
}
