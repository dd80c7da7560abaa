import sharp from 'sharp';
import { BadFrameError } from '../errors.js';
import type { Size } from '../frame.js';

/** Shades of an image. */
export interface Shades extends Size {
  /** H×W, 0 to 255. */
  readonly data: Uint8Array;
}

/** Frames are judged at the size that they are worked on: blur that is not seen there does no harm. */
const WIDTH = 320;
/** More than any camera has; keeps a damaged header from asking for gigabytes. */
const MAX_PIXELS = 2 ** 26;

/**
 * Decodes a colour image small: a JPEG is shrunk while it is decoded, which costs a fraction of decoding all of it.
 * @param bytes a JPEG or PNG
 * @param file what messages call it
 * @returns at most 320 pixels wide
 * @throws BadFrameError where it cannot be decoded
 */
export async function decodeShades(bytes: Uint8Array, file: string): Promise<Shades> {
  try {
    const { data, info } = await sharp(bytes, { failOn: 'error', limitInputPixels: MAX_PIXELS })
      .resize({ width: WIDTH, withoutEnlargement: true })
      .removeAlpha()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return shadesOf(data, info);
  } catch (error) {
    throw new BadFrameError(file, `cannot be decoded: ${(error as Error).message.split('\n')[0]}`);
  }
}

/** Shades of an image that is decoded already. @param rgb H×W×3 */
export function shadesOf(rgb: Uint8Array, { width, height }: Size): Shades {
  const data = new Uint8Array(width * height);
  // Rec. 601 luma in 256ths.
  for (let i = 0, at = 0; i < data.length; i++, at += 3) {
    data[i] = (77 * rgb[at] + 150 * rgb[at + 1] + 29 * rgb[at + 2]) >> 8;
  }
  return { width, height, data };
}

/** Motion blurs along one direction and leaves edges that run along it sharp, so each is looked at by itself. */
const DIRECTIONS: readonly (readonly [x: number, y: number])[] = [
  [1, 0],
  [0, 1],
  [1, 1],
  [1, -1],
];
/** Pixels of a window: nine, four to either side. Blur as wide as that, and wider, scores near 0. */
const WINDOW = 9;
const REACH = (WINDOW - 1) / 2;
/** Share of the windows that are looked at, those across which the shade changes most. */
const EDGES = 0.1;

/**
 * How sharp an image's edges are, 0 to 1: the direction in which they are least so.
 *
 * Across a window of nine pixels the shade changes by some amount. If the change is a step, one pixel takes all of it; if
 * it is blurred, each takes a ninth. Summed over the tenth of the windows with the greatest change,
 *
 *     sharpness = Σ max(0, |step| − |change| / 9) / Σ |step|
 *
 * with |step| the difference of the two pixels in the window's middle. This is the measure of Crété et al. (The blur effect,
 * 2007), which compares an image with itself blurred, kept to strong edges. A ratio does not depend on exposure or
 * contrast, nor on how much texture there is; edges that stand out of the image's own noise keep noise from passing for sharpness.
 *
 * @param image some 320 pixels wide: blur is counted in its pixels
 * @returns 1 for an image of one shade, and for one smaller than the window, of which there is nothing to say
 */
export function sharpness(image: Shades): number {
  return Math.min(...DIRECTIONS.map(([x, y]) => sharpnessAlong(image, x, y)));
}

function sharpnessAlong({ width, height, data }: Shades, dx: number, dy: number): number {
  const across = dy * width + dx;
  const left = dx * (REACH + 1);
  const right = width - dx * REACH;
  const top = Math.max(dy * (REACH + 1), -dy * REACH);
  const bottom = height - Math.max(dy * REACH, -dy * (REACH + 1));
  if (right <= left || bottom <= top) return 1;

  const ahead = REACH * across;
  const behind = (REACH + 1) * across;
  const counts = new Uint32Array(256);
  for (let y = top; y < bottom; y++) {
    for (let i = y * width + left, end = y * width + right; i < end; i++) {
      counts[Math.abs(data[i + ahead] - data[i - behind])]++;
    }
  }
  let edges = EDGES * (right - left) * (bottom - top);
  let least = 255;
  while (least > 1 && edges > counts[least]) edges -= counts[least--];

  // In ninths of a shade, so that all is whole numbers.
  let steps = 0;
  let excess = 0;
  for (let y = top; y < bottom; y++) {
    for (let i = y * width + left, end = y * width + right; i < end; i++) {
      const change = Math.abs(data[i + ahead] - data[i - behind]);
      if (change < least) continue;
      const step = WINDOW * Math.abs(data[i] - data[i - across]);
      steps += step;
      if (step > change) excess += step - change;
    }
  }
  return steps === 0 ? 1 : excess / steps;
}
