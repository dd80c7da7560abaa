import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { averageColour } from '../../src/sources/average-colour.js';
import { ramp } from './builders.js';

describe('averaged colour', () => {
  it('averages 2×2 blocks, rounding to nearest', () => {
    const rgb = Uint8Array.from([1, 0, 10, 2, 0, 20, 3, 0, 30, 5, 255, 40]); // 2×2
    expect([...averageColour(rgb, { width: 2, height: 2 }, { width: 1, height: 1 })]).toEqual([3, 64, 25]);
  });

  it('weights pixels by how much of them is covered', () => {
    // 3 to 2: the first working pixel covers the first source pixel and half of the second.
    const rgb = Uint8Array.from([30, 0, 0, 60, 0, 0, 90, 0, 0]);
    const out = averageColour(rgb, { width: 3, height: 1 }, { width: 2, height: 1 });
    expect([out[0], out[3]]).toEqual([40, 80]);
  });

  it('is the mean over a common finer grid, exactly, halves up', () => {
    const [wide, high] = [fc.integer({ min: 1, max: 17 }), fc.integer({ min: 1, max: 7 })];
    fc.assert(
      fc.property(wide, high, wide, high, fc.infiniteStream(fc.nat(255)), (width, height, w, h, values) => {
        const rgb = Uint8Array.from(ramp(width * height * 3, () => values.next().value as number));
        const out = averageColour(rgb, { width, height }, { width: w, height: h });
        // Each source pixel is w×h cells and each working pixel width×height cells of the same grid.
        const expected = new Uint8Array(w * h * 3);
        for (let v = 0; v < h; v++)
          for (let u = 0; u < w; u++)
            for (let c = 0; c < 3; c++) {
              let sum = 0;
              for (let y = v * height; y < (v + 1) * height; y++)
                for (let x = u * width; x < (u + 1) * width; x++)
                  sum += rgb[(Math.floor(y / h) * width + Math.floor(x / w)) * 3 + c];
              expected[(v * w + u) * 3 + c] = Math.floor((2 * sum + width * height) / (2 * width * height));
            }
        expect(out).toEqual(expected);
      }),
      { numRuns: 80 },
    );
  });

  it('keeps large images of one colour, between sizes in turn', () => {
    const [large, odd] = [
      { width: 5000, height: 3001 },
      { width: 641, height: 477 },
    ];
    for (const from of [odd, large, odd])
      for (const to of [
        { width: 320, height: 240 },
        { width: 7, height: 1 },
      ]) {
        const rgb = new Uint8Array(3 * from.width * from.height);
        for (let i = 0; i < rgb.length; i++) rgb[i] = [255, 254, 1][i % 3]!;
        const out = averageColour(rgb, from, to);
        expect(out.every((value, i) => value === [255, 254, 1][i % 3])).toBe(true);
        expect(out).toHaveLength(3 * to.width * to.height);
      }
  });
});
