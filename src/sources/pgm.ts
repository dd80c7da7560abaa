import { BadFrameError } from '../errors.js';
import type { GreyImage } from './grey-image.js';

const WHITESPACE = /\s/;

export function isPgm(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x35; // "P5"
}

/**
 * Decodes a binary PGM ("P5", netpbm's pgm(5)): a header of width, height and greatest value in ASCII, with
 * comments from # to the end of the line, one whitespace, then the pixels, big-endian where they take 16 bits.
 * @throws BadFrameError where the header is malformed or pixels are missing
 */
export function decodePgm(bytes: Uint8Array, file: string): GreyImage {
  let at = 2;
  const next = (what: string): number => {
    while (at < bytes.length && (isSpace(bytes[at]) || bytes[at] === 0x23)) {
      if (bytes[at] === 0x23) while (at < bytes.length && bytes[at] !== 0x0a) at++;
      else at++;
    }
    const start = at;
    while (at < bytes.length && at - start < 9 && bytes[at] >= 0x30 && bytes[at] <= 0x39) at++;
    const value = Number(String.fromCharCode(...bytes.subarray(start, at)));
    if (at === start || value === 0) {
      throw new BadFrameError(file, `no ${what} in its PGM header, expected a whole number above 0`);
    }
    return value;
  };
  const width = next('width');
  const height = next('height');
  const greatest = next('greatest value');
  if (greatest > 65535) throw new BadFrameError(file, `greatest value ${greatest}, expected at most 65535`);
  if (at < bytes.length && !isSpace(bytes[at])) throw new BadFrameError(file, 'a malformed PGM header');
  at++;

  const bits = greatest < 256 ? 8 : 16;
  const expected = width * height * (bits / 8);
  if (bytes.length - at < expected) {
    const found = Math.max(0, bytes.length - at);
    throw new BadFrameError(file, `truncated: ${found} bytes of pixels, expected ${expected}`);
  }
  if (bits === 8) return { width, height, bits, data: bytes.subarray(at, at + expected) };
  const data = new Uint16Array(width * height);
  for (let i = 0; i < data.length; i++, at += 2) data[i] = (bytes[at] << 8) | bytes[at + 1];
  return { width, height, bits, data };
}

function isSpace(byte: number): boolean {
  return WHITESPACE.test(String.fromCharCode(byte));
}
