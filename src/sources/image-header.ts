import { BadFrameError } from '../errors.js';
import type { Size } from '../frame.js';

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export function isPng(bytes: Uint8Array): boolean {
  return PNG_SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/**
 * Size of a JPEG or PNG as its header says, without decoding it: what an image may claim is limited before memory is
 * spent on it.
 * @throws BadFrameError where it is neither, or has no such header
 */
export function imageSize(bytes: Uint8Array, file: string): Size {
  const size = isPng(bytes) ? pngSize(bytes) : isJpeg(bytes) ? jpegSize(bytes) : undefined;
  if (size !== undefined && size.width > 0 && size.height > 0) return size;
  const known = isPng(bytes) ? 'a PNG' : isJpeg(bytes) ? 'a JPEG' : undefined;
  throw new BadFrameError(
    file,
    known === undefined ? 'neither a JPEG nor a PNG image' : `${known} whose header gives no size`,
  );
}

/** The header chunk comes first, at a fixed place (PNG specification, section 11.2.1). */
function pngSize(bytes: Uint8Array): Size | undefined {
  if (bytes.length < 26) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** Walks the segments up to the frame header, SOF0 to SOF15 (ITU-T T.81, section B.2.2). */
function jpegSize(bytes: Uint8Array): Size | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++; // fill byte before a marker
      continue;
    }
    // C4, C8 and CC lie in the range of frame headers, but are tables and an extension.
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    if (marker === 0xda || marker === 0xd9) return undefined; // pixels, or the end, before any frame header
    at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

/** Names of the PNG colour types (PNG specification, section 11.2.1). */
const COLOUR_TYPES: Readonly<Record<number, string>> = {
  0: 'greyscale',
  2: 'RGB',
  3: 'palette',
  4: 'greyscale and alpha',
  6: 'RGBA',
};

/**
 * Bits of a value of a greyscale PNG, off its header.
 * @throws BadFrameError where it is none, or has neither 8 bits nor 16
 */
export function greyBits(bytes: Uint8Array, file: string): 8 | 16 {
  if (!isPng(bytes)) throw new BadFrameError(file, 'neither a PNG nor a binary PGM image');
  const bits = bytes[24];
  const type = bytes[25];
  if (type === 0 && (bits === 8 || bits === 16)) return bits;
  if (bits === undefined || type === undefined) throw new BadFrameError(file, 'truncated');
  const kind = COLOUR_TYPES[type] ?? `colour type ${type}`;
  throw new BadFrameError(file, `a PNG of ${bits}-bit ${kind}, expected 8-bit or 16-bit greyscale`);
}
