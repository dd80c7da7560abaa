import type { Size } from '../frame.js';
import { hatch } from './hatch.js';

/**
 * Paints labels in the colours of their classes and hatches those that are no class (`IGNORE` among them).
 *
 * @param labels H×W class indices
 * @param colours RGB triples by class
 * @returns H×W×3, RGB
 */
export function classMap({ width, height }: Size, labels: Uint8Array, colours: Uint8Array): Uint8Array {
  const pixels = new Uint8Array(3 * width * height);
  for (let i = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const colour = 3 * labels[i];
      if (colour >= colours.length) {
        hatch(pixels, i, x, y);
        continue;
      }
      pixels[3 * i] = colours[colour];
      pixels[3 * i + 1] = colours[colour + 1];
      pixels[3 * i + 2] = colours[colour + 2];
    }
  }
  return pixels;
}
