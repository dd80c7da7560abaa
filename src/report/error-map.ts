import type { Size } from '../frame.js';
import { hatch } from './hatch.js';

/** RGB of pixels predicted wrong and right: told apart in grey too. */
export const WRONG = [196, 0, 104] as const;
export const RIGHT = [226, 229, 233] as const;

/**
 * Paints where a prediction differs from the truth, and hatches pixels whose label is no class.
 *
 * @param truth H×W labels
 * @param predicted likewise
 * @returns H×W×3, RGB
 */
export function errorMap(
  { width, height }: Size,
  truth: Uint8Array,
  predicted: Uint8Array,
  classes: number,
): Uint8Array {
  const pixels = new Uint8Array(3 * width * height);
  for (let i = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (truth[i] >= classes) hatch(pixels, i, x, y);
      else pixels.set(truth[i] === predicted[i] ? RIGHT : WRONG, 3 * i);
    }
  }
  return pixels;
}
