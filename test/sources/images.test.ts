import { describe, expect, it } from 'vitest';
import { BadFrameError } from '../../src/errors.js';
import { decodeColour, decodeGrey } from '../../src/sources/images.js';
import { jpeg, pgm, png, png16, ramp } from './builders.js';

const GAMMA = ['gAMA', Uint8Array.of(0, 0, 0xb1, 0x8f)] as const; // 0.45455, what cameras and editors write

describe('greyscale images', () => {
  it('keeps every 16-bit value exactly', async () => {
    const image = await decodeGrey(png16(256, 256, ramp(65536)), 'depth.png');
    expect(image).toMatchObject({ width: 256, height: 256, bits: 16 });
    expect(image.data).toEqual(Uint16Array.from(ramp(65536)));
  });

  it('keeps every 8-bit value exactly', async () => {
    const image = await decodeGrey(png(16, 16, ramp(256)), 'label.png');
    expect(image).toMatchObject({ width: 16, height: 16, bits: 8 });
    expect(new Uint8Array(image.data)).toEqual(Uint8Array.from(ramp(256)));
  });

  it('does not apply gamma, nor mistake transparency for values', async () => {
    const chunks = [GAMMA, ['tRNS', Uint8Array.of(0, 7)]] as const;
    const grey8 = await decodeGrey(png(16, 16, ramp(256), { chunks }), 'label.png');
    expect(new Uint8Array(grey8.data)).toEqual(Uint8Array.from(ramp(256)));
    const grey16 = await decodeGrey(png(256, 256, ramp(65536), { bits: 16, chunks }), 'depth.png');
    expect(grey16.data).toEqual(Uint16Array.from(ramp(65536)));
  });

  it.each([
    [
      'palette',
      png(2, 1, [0, 1], { type: 3, chunks: [['PLTE', Uint8Array.of(1, 2, 3, 4, 5, 6)]] }),
      '8-bit palette',
    ],
    ['RGB', png(1, 1, [1, 2, 3], { type: 2 }), '8-bit RGB'],
    ['grey and alpha', png(1, 1, [1, 255], { type: 4 }), '8-bit greyscale and alpha'],
    ['4 bits', png(2, 1, [0x12], { bits: 4 }), '4-bit greyscale'],
  ])('refuses %s, saying what was expected', async (_, bytes, found) => {
    const reason = `a PNG of ${found}, expected 8-bit or 16-bit greyscale`;
    await expect(decodeGrey(bytes, 'x.png')).rejects.toThrow(new BadFrameError('x.png', reason));
  });

  it.each([
    ['nothing', Buffer.alloc(0), 'neither a PNG nor a binary PGM'],
    ['a text', Buffer.from('hello'), 'neither a PNG nor a binary PGM'],
    ['a signature alone', png16(1, 1, [1]).subarray(0, 8), 'truncated'],
    [
      'half a file',
      png16(
        64,
        64,
        ramp(4096, (i) => (i * 40503) & 0xffff),
      ).subarray(0, 4000),
      'cannot be decoded',
    ],
  ])('refuses %s', async (_, bytes, reason) => {
    await expect(decodeGrey(bytes, 'x.png')).rejects.toThrow(reason);
    await expect(decodeGrey(bytes, 'x.png')).rejects.toBeInstanceOf(BadFrameError);
  });

  it('refuses pixels that fail their checksum', async () => {
    const bytes = png16(8, 8, ramp(64));
    bytes[bytes.length - 20] ^= 1;
    await expect(decodeGrey(bytes, 'x.png')).rejects.toBeInstanceOf(BadFrameError);
  });
});

describe('PGM', () => {
  it('reads 16-bit values big-endian, past comments', async () => {
    const bytes = Buffer.concat([
      Buffer.from('P5 # one\n#two 9 9\n3\t# three\n 2\r\n65535\n'),
      Buffer.from([0, 0, 0x12, 0x34, 0xff, 0xff, 0, 1, 1, 0, 0x23, 0x0a]),
    ]);
    const image = await decodeGrey(bytes, 'd.pgm');
    expect(image).toMatchObject({ width: 3, height: 2, bits: 16 });
    expect([...image.data]).toEqual([0, 0x1234, 65535, 1, 256, 0x230a]);
  });

  it('reads 8-bit values where the greatest is below 256', async () => {
    const image = await decodeGrey(pgm(2, 2, [0, 10, 35, 255], 255), 'd.pgm');
    expect(image.bits).toBe(8);
    expect([...image.data]).toEqual([0, 10, 35, 255]);
  });

  it.each([
    ['P5\n2 2\n65535\n\0\0\0', 'truncated: 3 bytes of pixels, expected 8'],
    ['P5\n2 2\n65535', 'truncated: 0 bytes of pixels, expected 8'],
    ['P5\n2', 'no height in its PGM header'],
    ['P5\n0 2 255\n', 'no width in its PGM header'],
    ['P5\n-1 2 255\n', 'no width in its PGM header'],
    ['P5\n1 1 65536\n\0\0', 'greatest value 65536'],
    ['P5\n1 1 255x\0\0', 'a malformed PGM header'],
    ['P5\n999999999 999999999 255\n', 'truncated'],
  ])('refuses %j', async (text, reason) => {
    await expect(decodeGrey(Buffer.from(text), 'd.pgm')).rejects.toThrow(`d.pgm: ${reason}`);
  });
});

describe('colour images', () => {
  it('keeps RGB exactly', async () => {
    const image = await decodeColour(png(2, 1, [1, 2, 3, 250, 251, 252], { type: 2 }), 'c.png');
    expect(image).toMatchObject({ width: 2, height: 1 });
    expect([...image.data]).toEqual([1, 2, 3, 250, 251, 252]);
  });

  it.each([
    ['grey', png(2, 1, [7, 200]), [7, 7, 7, 200, 200, 200]],
    ['grey and alpha', png(1, 1, [9, 0], { type: 4 }), [9, 9, 9]],
    ['RGBA', png(2, 1, [1, 2, 3, 0, 4, 5, 6, 255], { type: 6 }), [1, 2, 3, 4, 5, 6]],
    ['16 bit', png(1, 1, [0x0100, 0x8000, 0xff00], { type: 2, bits: 16 }), [1, 128, 255]],
    [
      'palette',
      png(2, 1, [1, 0], { type: 3, chunks: [['PLTE', Uint8Array.of(1, 2, 3, 4, 5, 6)]] }),
      [4, 5, 6, 1, 2, 3],
    ],
  ])('makes RGB of %s', async (_, bytes, expected) => {
    expect([...(await decodeColour(bytes, 'c.png')).data]).toEqual(expected);
  });

  it('reads JPEG', async () => {
    const image = await decodeColour(await jpeg(20, 10, [200, 100, 50]), 'c.jpg');
    expect(image).toMatchObject({ width: 20, height: 10 });
    expect(Math.abs(image.data[0] - 200)).toBeLessThan(3);
  });

  it('refuses a truncated JPEG', async () => {
    const bytes = await jpeg(64, 64, [200, 100, 50]);
    await expect(decodeColour(bytes.subarray(0, bytes.length - 30), 'c.jpg')).rejects.toThrow(
      'c.jpg: cannot be decoded',
    );
  });

  it('refuses other kinds of file', async () => {
    await expect(decodeColour(Buffer.from('<svg width="9" height="9"/>'), 'c.png')).rejects.toThrow(
      new BadFrameError('c.png', 'neither a JPEG nor a PNG image'),
    );
  });
});
