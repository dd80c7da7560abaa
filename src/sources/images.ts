import sharp, { type OutputInfo, type Sharp, type SharpOptions } from 'sharp';
import { BadFrameError } from '../errors.js';
import type { Size } from '../frame.js';
import type { GreyImage } from './grey-image.js';
import { greyBits, isJpeg, isPng } from './image-header.js';
import { decodePgm, isPgm } from './pgm.js';

/** More than any camera has; keeps a damaged header from asking for gigabytes. */
const MAX_PIXELS = 2 ** 26;

/**
 * Decodes a colour JPEG or PNG of any kind to 8-bit RGB; alpha is dropped, orientation tags are not applied (the
 * depth has none).
 * @returns data: H×W×3
 * @throws BadFrameError where it is no such image, truncated or damaged
 */
export async function decodeColour(bytes: Uint8Array, file: string): Promise<Size & { data: Uint8Array }> {
  if (!isJpeg(bytes) && !isPng(bytes)) throw new BadFrameError(file, 'neither a JPEG nor a PNG image');
  const image = decoder(bytes).removeAlpha().toColourspace('srgb').raw();
  const { data, info } = await decoded(image, file);
  return { width: info.width, height: info.height, data };
}

/**
 * Decodes a greyscale PNG (8 or 16 bit) or binary PGM, keeping the stored values exactly.
 *
 * Palettes and PNGs below 8 bits are refused: their decoders turn indices into shades, which are no ids any more.
 * @throws BadFrameError where it is no such image, truncated or damaged
 */
export async function decodeGrey(bytes: Uint8Array, file: string): Promise<GreyImage> {
  if (isPgm(bytes)) return decodePgm(bytes, file);
  const bits = greyBits(bytes, file);
  // 'b-w' and 'grey16' are the spaces sharp decodes these to, so that nothing is converted on the way.
  const image = decoder(bytes, { ignoreIcc: true })
    .toColourspace(bits === 16 ? 'grey16' : 'b-w')
    .raw({ depth: bits === 16 ? 'ushort' : 'uchar' });
  const { data, info } = await decoded(image, file);
  const values = bits === 16 ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data;
  const { width, height, channels } = info;
  return { width, height, bits, data: channels === 1 ? values : firstChannel(values, channels) };
}

/** A transparent colour gives a greyscale PNG a second channel. */
function firstChannel(values: Uint8Array | Uint16Array, channels: number): Uint8Array | Uint16Array {
  return values.filter((_, i) => i % channels === 0);
}

/**
 * failOn 'error' refuses truncated files and broken checksums; 'warning' would refuse whole recordings over a
 * camera's harmless quirks.
 */
function decoder(bytes: Uint8Array, options: SharpOptions = {}): Sharp {
  return sharp(bytes, { failOn: 'error', limitInputPixels: MAX_PIXELS, ...options });
}

async function decoded(image: Sharp, file: string): Promise<{ data: Buffer; info: OutputInfo }> {
  try {
    return await image.toBuffer({ resolveWithObject: true });
  } catch (error) {
    throw new BadFrameError(file, `cannot be decoded: ${(error as Error).message.split('\n')[0]}`);
  }
}
