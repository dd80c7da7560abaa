import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { intrinsicsAtWorkingSize, sampleNearest } from '../../src/sources/working-size.js';
import { ramp } from './builders.js';

const side = fc.integer({ min: 1, max: 40 });
const K = { fx: 585, fy: 580, cx: 320.25, cy: 239.5 };

describe('nearest neighbour', () => {
  it('takes the pixel at the middle of what each working pixel covers', () => {
    const source = Uint16Array.from(ramp(6 * 4));
    // Thirds of 6 cover 2 pixels each: the middle is the edge between them, and the later one is taken.
    expect([...sampleNearest(source, { width: 6, height: 4 }, { width: 3, height: 2 })]).toEqual([
      7, 9, 11, 19, 21, 23,
    ]);
    expect([...sampleNearest(source, { width: 6, height: 4 }, { width: 2, height: 4 })]).toEqual([
      1, 4, 7, 10, 13, 16, 19, 22,
    ]);
    expect([...sampleNearest(Uint8Array.of(5, 6), { width: 2, height: 1 }, { width: 4, height: 1 })]).toEqual(
      [5, 5, 6, 6],
    );
  });

  it('only repeats or leaves out, in order', () => {
    fc.assert(
      fc.property(side, side, side, side, (width, height, w, h) => {
        const source = Uint32Array.from(ramp(width * height));
        const out = sampleNearest(source, { width, height }, { width: w, height: h });
        expect(out.length).toBe(w * h);
        for (let v = 0; v < h; v++) {
          for (let u = 0; u < w; u++) {
            const column = out[v * w + u] % width;
            const row = (out[v * w + u] - column) / width;
            // Within half a source pixel of the middle, counted in pixel edges.
            expect(Math.abs(column + 0.5 - (u + 0.5) * (width / w))).toBeLessThanOrEqual(0.5 + 1e-9);
            expect(Math.abs(row + 0.5 - (v + 0.5) * (height / h))).toBeLessThanOrEqual(0.5 + 1e-9);
          }
        }
      }),
    );
  });
});

describe('intrinsics at working size', () => {
  it('changes nothing at the same size', () => {
    const size = { width: 640, height: 480 };
    expect(intrinsicsAtWorkingSize(K, size, size, size)).toEqual(K);
  });

  it('gives 640×480 to 320×240 by hand', () => {
    // Working pixel u is source pixel 2u + 1: x = (2u + 1 − 320) / 585 = (u − 159.5) / 292.5.
    const stated = { fx: 585, fy: 585, cx: 320, cy: 240 };
    const size = { width: 640, height: 480 };
    expect(intrinsicsAtWorkingSize(stated, size, size, { width: 320, height: 240 })).toEqual({
      fx: 292.5,
      fy: 292.5,
      cx: 159.5,
      cy: 119.5,
    });
  });

  it('looks along the rays of the sampled pixels exactly, at whole ratios', () => {
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 6 }), (w, h, ratio) => {
        const from = { width: w * ratio, height: h * ratio };
        const to = { width: w, height: h };
        const k = intrinsicsAtWorkingSize(K, from, from, to);
        const sampled = sampleNearest(Uint32Array.from(ramp(from.width * from.height)), from, to);
        sampled.forEach((source, i) => {
          const column = source % from.width;
          const row = (source - column) / from.width;
          expect(((i % w) - k.cx) / k.fx).toBeCloseTo((column - K.cx) / K.fx, 10);
          expect((Math.floor(i / w) - k.cy) / k.fy).toBeCloseTo((row - K.cy) / K.fy, 10);
        });
      }),
    );
  });

  it('is right on average and within a source pixel, at any ratio', () => {
    fc.assert(
      fc.property(side, side, (width, w) => {
        const from = { width, height: 1 };
        const to = { width: w, height: 1 };
        const k = intrinsicsAtWorkingSize(K, from, from, to);
        const errors = [...sampleNearest(Uint32Array.from(ramp(width)), from, to)].map(
          (column, u) => column - (((u - k.cx) / k.fx) * K.fx + K.cx),
        );
        expect(errors.reduce((a, b) => a + b, 0) / w).toBeCloseTo(0, 8);
        for (const error of errors) expect(Math.abs(error)).toBeLessThan(1);
      }),
    );
  });

  it('keeps the field of view of intrinsics given at another size', () => {
    // The left and right edges, −½ and 1279½, become −½ and 639½.
    const at = { width: 1280, height: 960 };
    const image = { width: 640, height: 480 };
    const k = intrinsicsAtWorkingSize({ fx: 1000, fy: 1000, cx: 639.5, cy: 400 }, at, image, image);
    expect(k.fx).toBe(500);
    expect((-0.5 - k.cx) / k.fx).toBeCloseTo((-0.5 - 639.5) / 1000, 12);
    expect((479.5 - k.cy) / k.fy).toBeCloseTo((959.5 - 400) / 1000, 12);
  });
});
