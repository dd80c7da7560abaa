import type { Size } from '../frame.js';

/** An image whose values are numbers, not shades: depths, class ids, superpixel ids. */
export interface GreyImage extends Size {
  /** Bits of a value as stored. */
  readonly bits: 8 | 16;
  /** H×W, the stored values, unscaled. */
  readonly data: Uint8Array | Uint16Array;
}
