import type { Size } from '../../frame.js';
import { gaussian, type Random } from '../../random.js';

/** Chance that a crop is blurred; the published code's. */
const BLUR_CHANCE = 0.5;
/** Largest standard deviation of the blur, in pixels of the crop. */
const LARGEST_BLUR = 1;
/** Largest standard deviation of the noise, in normalised colour: 6 of 255. */
const LARGEST_NOISE = 0.05;

/** With a chance of one half, blurs an image in place by a Gaussian of random width. @param colour H×W×3 */
export function blur(colour: Float32Array, { width, height }: Size, next: Random): void {
  const isBlurred = next() < BLUR_CHANCE;
  const deviation = next() * LARGEST_BLUR;
  if (!isBlurred || deviation < 0.1) return; // narrower than that, it moves nothing
  const near = Math.exp(-1 / (2 * deviation ** 2));
  const far = Math.exp(-4 / (2 * deviation ** 2));
  const sum = 1 + 2 * near + 2 * far;
  const taps = [far / sum, near / sum, 1 / sum, near / sum, far / sum];
  const line = new Float32Array(3 * Math.max(width, height));
  for (let y = 0; y < height; y++) filterLine(colour, 3 * y * width, 3, width, taps, line);
  for (let x = 0; x < width; x++) filterLine(colour, 3 * x, 3 * width, height, taps, line);
}

/** Correlates one row or column of RGB pixels with five taps; its ends continue beyond the edges. */
function filterLine(
  colour: Float32Array,
  start: number,
  stride: number,
  length: number,
  taps: readonly number[],
  line: Float32Array,
): void {
  for (let i = 0, at = start; i < length; i++, at += stride)
    for (let channel = 0; channel < 3; channel++) line[3 * i + channel] = colour[at + channel];
  for (let i = 0, at = start; i < length; i++, at += stride) {
    for (let channel = 0; channel < 3; channel++) {
      let sum = 0;
      for (let tap = -2; tap <= 2; tap++) {
        const from = Math.min(Math.max(i + tap, 0), length - 1);
        sum += taps[tap + 2] * line[3 * from + channel];
      }
      colour[at + channel] = sum;
    }
  }
}

/** Adds Gaussian noise of random strength to an image, in place. */
export function addNoise(colour: Float32Array, next: Random): void {
  const deviation = next() * LARGEST_NOISE;
  for (let i = 0; i < colour.length; i++) colour[i] += deviation * gaussian(next);
}
