import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effortOf } from '../../src/labels/effort.js';
import { regionOf, rowOf } from '../../src/labels/label-row.js';
import { LabelState } from '../../src/labels/label-state.js';
import { newPixels, paint } from '../../src/labels/paint.js';
import type { Region } from '../../src/labels/region.js';

const SIZE = { width: 8, height: 6 };
const PIXELS = SIZE.width * SIZE.height;
const A = { scene: 's', id: 'a' };

/** 2×2 blocks: ids 0 to 11, four a row of blocks. */
const IDS = Uint16Array.from({ length: PIXELS }, (_, i) => (i >> 4) * 4 + ((i % 8) >> 1));

const image = (frame = 'a'): Region => ({ scene: 's', frame, unit: 'image' });
const superpixel = (id: number, frame = 'a'): Region => ({
  scene: 's',
  frame,
  unit: 'superpixel',
  superpixel: id,
});
const window = (left: number, top: number, width: number, height: number, frame = 'a'): Region => ({
  scene: 's',
  frame,
  unit: 'window',
  left,
  top,
  width,
  height,
});
const labelled = (region: Region, pixels: number) =>
  rowOf(region, {
    pixels,
    classes: 1,
    ...effortOf(region, SIZE),
    by: 'test',
    round: 0,
    rank: null,
    score: null,
  });

const anyRegion = (frame: string): fc.Arbitrary<Region> =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant(image(frame)) },
    { weight: 10, arbitrary: fc.nat(11).map((id) => superpixel(id, frame)) },
    {
      weight: 5,
      arbitrary: fc
        .tuple(fc.nat(7), fc.nat(5), fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 6 }))
        .map(([left, top, width, height]) =>
          window(left, top, Math.min(width, 8 - left), Math.min(height, 6 - top), frame),
        ),
    },
  );

function isIn(region: Region, i: number): boolean {
  if (region.unit === 'image') return true;
  if (region.unit === 'superpixel') return IDS[i] === region.superpixel;
  const [x, y] = [i % 8, Math.floor(i / 8)];
  return (
    x >= region.left && x < region.left + region.width && y >= region.top && y < region.top + region.height
  );
}

describe('the label state', () => {
  test('is what naive painting gives, whatever is labelled in what order', () => {
    const regions = fc.array(fc.constantFrom('a', 'b', 'c').chain(anyRegion), { maxLength: 25 });
    fc.assert(
      fc.property(regions, (all) => {
        const state = new LabelState();
        const naive: Record<string, Set<number>> = { a: new Set(), b: new Set(), c: new Set() };
        const counted = { minutes: 0, clicks: 0, regions: 0 };
        for (const region of all) {
          const frame = { scene: 's', id: region.frame };
          const mask = state.mask(frame, SIZE, IDS);
          const before = naive[region.frame].size;
          for (let i = 0; i < PIXELS; i++) if (isIn(region, i)) naive[region.frame].add(i);
          const added = naive[region.frame].size - before;
          expect(newPixels(region, mask, SIZE, IDS)).toBe(added);
          expect(paint(region, mask, SIZE, IDS)).toBe(added);
          expect([...mask.entries()].filter(([, on]) => on === 1).map(([i]) => i)).toEqual(
            [...naive[region.frame]].sort((a, b) => a - b),
          );
          const row = labelled(region, added);
          if (added === 0) {
            expect(() => state.add(row)).toThrow(/labelled already/);
            continue;
          }
          state.add(row);
          counted.minutes += row.minutes;
          counted.clicks += row.clicks;
          counted.regions++;
        }
        let pixels = 0;
        for (const [id, set] of Object.entries(naive)) {
          const mask = state.mask({ scene: 's', id }, SIZE, IDS);
          expect([...mask.entries()].filter(([, on]) => on === 1).length).toBe(set.size);
          expect(state.pixelsOf({ scene: 's', id })).toBe(set.size);
          expect(state.frames().has(`s/${id}`)).toBe(set.size > 0);
          pixels += set.size;
        }
        expect(state.pixels).toBe(pixels);
        expect({ minutes: state.minutes, clicks: state.clicks, regions: state.regions }).toEqual(counted);
        // Resumed from its rows it is the same.
        const resumed = new LabelState(state.rows);
        expect(resumed.rows).toEqual(state.rows);
        expect(resumed.pixels).toBe(state.pixels);
        expect(resumed.mask(A, SIZE, IDS)).toEqual(state.mask(A, SIZE, IDS));
      }),
      { numRuns: 150 },
    );
  });

  test('labels nothing twice, and is left as it was', () => {
    const state = new LabelState([labelled(superpixel(3), 4), labelled(window(0, 0, 3, 3), 9)]);
    const again = [superpixel(3), window(0, 0, 3, 3), window(1, 1, 2, 2)];
    for (const region of again)
      expect(() => state.add(labelled(region, 1))).toThrow(/of s\/a is labelled already/);
    expect(() => state.add(labelled(superpixel(0), 0))).toThrow('superpixel 0 of s/a is labelled already');
    state.add(labelled(superpixel(3, 'b'), 4));
    state.add(labelled(window(1, 1, 3, 3), 5));
    state.add(labelled(image(), PIXELS - 18));
    for (const region of [image(), superpixel(5), window(0, 0, 8, 6)])
      expect(() => state.add(labelled(region, 1))).toThrow(/labelled already/);
    expect(state.regions).toBe(5);
    expect(state.pixelsOf(A)).toBe(PIXELS);
  });

  test('knows whole images and single superpixels', () => {
    const state = new LabelState([labelled(image(), PIXELS), labelled(superpixel(2, 'b'), 4)]);
    const b = { scene: 's', id: 'b' };
    expect([state.isWhole(A), state.isWhole(b), state.isWhole({ scene: 't', id: 'a' })]).toEqual([
      true,
      false,
      false,
    ]);
    expect([state.hasSuperpixel(A, 7), state.hasSuperpixel(b, 2), state.hasSuperpixel(b, 3)]).toEqual([
      true,
      true,
      false,
    ]);
    expect([...state.frames()]).toEqual(['s/a', 's/b']);
    expect(state.pixelsOf({ scene: 's', id: 'c' })).toBe(0);
  });

  test('asks for superpixel ids where it needs them, and only there', () => {
    const state = new LabelState([labelled(superpixel(2), 4), labelled(window(0, 0, 2, 1, 'b'), 2)]);
    expect(() => state.mask(A, SIZE)).toThrow('the superpixel ids of s/a are needed, at 8x6');
    expect(() => state.mask(A, SIZE, IDS.subarray(1))).toThrow(/are needed/);
    expect([...state.mask({ scene: 's', id: 'b' }, SIZE).subarray(0, 3)]).toEqual([1, 1, 0]);
    expect(() => paint(superpixel(2), new Uint8Array(PIXELS), SIZE, undefined)).toThrow(/are needed/);
    expect(() => paint(window(7, 0, 2, 1), new Uint8Array(PIXELS), SIZE, IDS)).toThrow(RangeError);
  });
});

test('rows say which region they are of, and refuse to be of none', () => {
  fc.assert(
    fc.property(anyRegion('a'), (region) => {
      expect(regionOf(labelled(region, 1))).toEqual(region);
    }),
  );
  expect(() => regionOf({ ...labelled(superpixel(1), 1), superpixel: null })).toThrow(/s\/a is of no image/);
  expect(() => regionOf({ ...labelled(image(), 1), unit: 'polygon' })).toThrow(/s\/a is of no image/);
});
