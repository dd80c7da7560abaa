import type { Size } from '../frame.js';

/** A partition of an image: every pixel has one superpixel, each is 4-connected, ids are 0..count-1. */
export interface Superpixels extends Size {
  readonly count: number;
  /** H×W, row-major. */
  readonly ids: Uint16Array;
}
