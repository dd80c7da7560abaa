import type { Size } from '../frame.js';
import { HEAT } from './colour-map.js';
import { hatch } from './hatch.js';
import type { Range } from './heat-map.js';

/**
 * Paints depth from dark, near, to light, far, and hatches pixels without.
 *
 * @param depth H×W metres, 0 = none
 * @returns H×W×3, RGB
 */
export function depthMap({ width, height }: Size, depth: Float32Array, { low, high }: Range): Uint8Array {
  const pixels = new Uint8Array(3 * width * height);
  const scale = high > low ? 255 / (high - low) : 0;
  for (let i = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!(depth[i] > 0)) {
        hatch(pixels, i, x, y);
        continue;
      }
      const colour = 3 * Math.round(Math.min(Math.max((depth[i] - low) * scale, 0), 255));
      pixels[3 * i] = HEAT[colour];
      pixels[3 * i + 1] = HEAT[colour + 1];
      pixels[3 * i + 2] = HEAT[colour + 2];
    }
  }
  return pixels;
}
