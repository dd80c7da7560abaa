import sharp, { type Sharp } from 'sharp';
import type { Size } from '../frame.js';

/** Longer side of a picture in the page at most, pixels: what bounds the page where the working size is large. */
const LONGEST = 640;

/** A photograph as a data URI: JPEG. @param rgb H×W×3 */
export async function photograph(rgb: Uint8Array, size: Size): Promise<string> {
  const jpeg = await shrunk(rgb, size, 'lanczos3').jpeg({ quality: 82, mozjpeg: true }).toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}

/** A picture of flat colours as a data URI: PNG, the colours exact. @param rgb H×W×3 */
export async function flatPicture(rgb: Uint8Array, size: Size): Promise<string> {
  const png = await shrunk(rgb, size, 'nearest').png({ compressionLevel: 9 }).toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}

function shrunk(rgb: Uint8Array, { width, height }: Size, kernel: 'lanczos3' | 'nearest'): Sharp {
  return sharp(rgb, { raw: { width, height, channels: 3 } }).resize({
    width: LONGEST,
    height: LONGEST,
    fit: 'inside',
    withoutEnlargement: true,
    kernel,
  });
}
