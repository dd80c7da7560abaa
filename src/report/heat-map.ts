import type { Size } from '../frame.js';
import { HEAT } from './colour-map.js';
import { hatch } from './hatch.js';

/** The scores that the two ends of a colour bar stand for; scores beyond take the end's colour. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Share of the scores left beyond each end of a range, so that a few odd ones don't take all its colours. */
const BEYOND = 0.01;

/** From the 1st to the 99th percentile. @param scores finite; undefined comes back where there are none */
export function robustRange(scores: Float32Array): Range | undefined {
  if (scores.length === 0) return undefined;
  const sorted = Float32Array.from(scores).sort();
  const last = sorted.length - 1;
  return { low: sorted[Math.round(BEYOND * last)], high: sorted[Math.round((1 - BEYOND) * last)] };
}

/**
 * Paints superpixels in the colours of their scores, and hatches pixels that have none: those without depth, and
 * superpixels without a pixel that has.
 *
 * @param ids H×W superpixel ids
 * @param depth H×W metres, 0 = none
 * @param scores by superpixel id; NaN = none
 * @returns H×W×3, RGB
 */
export function heatMap(
  { width, height }: Size,
  ids: Uint16Array,
  depth: Float32Array,
  scores: Float32Array,
  { low, high }: Range,
): Uint8Array {
  const pixels = new Uint8Array(3 * width * height);
  const scale = high > low ? 255 / (high - low) : 0;
  for (let i = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const score = scores[ids[i]];
      if (!(depth[i] > 0) || Number.isNaN(score)) {
        hatch(pixels, i, x, y);
        continue;
      }
      const colour = 3 * Math.round(Math.min(Math.max((score - low) * scale, 0), 255));
      pixels[3 * i] = HEAT[colour];
      pixels[3 * i + 1] = HEAT[colour + 1];
      pixels[3 * i + 2] = HEAT[colour + 2];
    }
  }
  return pixels;
}
