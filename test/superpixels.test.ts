import { existsSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { UserError } from '../src/errors.js';
import { IGNORE, type Size } from '../src/frame.js';
import { random } from '../src/random.js';
import { connectedComponents, relabel } from '../src/superpixels/connected.js';
import { LAB_SCALE, smoothLab } from '../src/superpixels/lab.js';
import { boundaryRecall, compactness, undersegmentationError } from '../src/superpixels/metrics.js';
import { CAN_LEAVE, NEIGHBOURS, neighboursWith } from '../src/superpixels/neighbourhood.js';
import { seeds } from '../src/superpixels/seeds.js';
import { SuperpixelPool } from '../src/superpixels/superpixel-pool.js';
import type { Superpixels } from '../src/superpixels/superpixels.js';

/** Ids or labels drawn as rows of digits, `.` for `IGNORE`. */
function drawn(...rows: string[]): { width: number; height: number; cells: number[] } {
  const cells = [...rows.join('')].map((cell) => (cell === '.' ? IGNORE : Number(cell)));
  return { width: rows[0]!.length, height: rows.length, cells };
}

function partition(...rows: string[]): Superpixels {
  const { cells, ...size } = drawn(...rows);
  return { ...size, count: Math.max(...cells) + 1, ids: Uint16Array.from(cells) };
}

function labelling(...rows: string[]): Uint8Array {
  return Uint8Array.from(drawn(...rows).cells);
}

/** H×W×3 from a function of the pixel. */
function painted({ width, height }: Size, colourAt: (x: number, y: number) => readonly number[]): Uint8Array {
  const colour = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) colour.set(colourAt(x, y), (y * width + x) * 3);
  }
  return colour;
}

function sizesOf({ count, ids }: Superpixels): number[] {
  const sizes = new Array<number>(count).fill(0);
  for (const id of ids) sizes[id]!++;
  return sizes;
}

/** What every `Superpixels` promises: all ids from 0 to count-1 in use, each in one 4-connected piece. */
function expectPartition(superpixels: Superpixels, size: Size): void {
  expect(superpixels).toMatchObject(size);
  expect(superpixels.ids).toHaveLength(size.width * size.height);
  expect(new Set(superpixels.ids)).toEqual(new Set(Array.from({ length: superpixels.count }, (_, id) => id)));
  expect(connectedComponents(superpixels.ids, size).count).toBe(superpixels.count);
}

/** From plain to wild: patches of flat colour under noise of any strength. */
const images = fc
  .record({
    width: fc.integer({ min: 1, max: 70 }),
    height: fc.integer({ min: 1, max: 70 }),
    patch: fc.integer({ min: 1, max: 40 }),
    noise: fc.integer({ min: 0, max: 255 }),
    seed: fc.integer(),
  })
  .map(({ width, height, patch, noise, seed }) => {
    const next = random(seed);
    const palette = Array.from({ length: 7 }, () => [next() * 255, next() * 255, next() * 255]);
    const colour = painted({ width, height }, (x, y) => {
      const base = palette[(Math.floor(x / patch) * 3 + Math.floor(y / patch) * 5) % 7]!;
      return base.map((c) => Math.min(Math.max(c + (next() - 0.5) * noise, 0), 255));
    });
    return { size: { width, height }, colour };
  });

describe('seeds', () => {
  test('every pixel has a superpixel, each is connected, ids are contiguous, nothing is written or random', () => {
    fc.assert(
      fc.property(images, fc.integer({ min: 1, max: 300 }), ({ size, colour }, count) => {
        const before = colour.slice();
        const superpixels = seeds(colour, size, { count });
        expectPartition(superpixels, size);
        expect(colour).toEqual(before);
        expect(seeds(colour, size, { count }).ids).toEqual(superpixels.ids);
      }),
      { numRuns: 150 },
    );
  });

  test('no superpixel is smaller than 15 % of a grid cell, and there are no more than cells', () => {
    fc.assert(
      fc.property(images, fc.integer({ min: 1, max: 100 }), ({ size, colour }, count) => {
        const columns = Math.max(
          1,
          Math.min(Math.round(Math.sqrt((count * size.width) / size.height)), size.width, count),
        );
        const cells = columns * Math.max(1, Math.min(Math.round(count / columns), size.height));
        const sizes = sizesOf(seeds(colour, size, { count }));
        expect(sizes.length).toBeLessThanOrEqual(cells);
        expect(Math.min(...sizes)).toBeGreaterThanOrEqual((0.15 * size.width * size.height) / cells);
      }),
    );
  });

  test.each([
    { width: 320, height: 240, count: 40, expected: 42 },
    { width: 640, height: 480, count: 40, expected: 42 },
    { width: 240, height: 320, count: 40, expected: 40 },
    { width: 100, height: 100, count: 100, expected: 100 },
    { width: 5000, height: 1, count: 40, expected: 40 },
    { width: 1, height: 5000, count: 40, expected: 40 },
    { width: 33, height: 17, count: 1, expected: 1 },
    { width: 1, height: 1, count: 40, expected: 1 },
    { width: 3, height: 2, count: 40, expected: 6 },
    { width: 9, height: 7, count: 32768, expected: 63 },
  ])('cuts about $count superpixels from $width×$height: $expected', ({ width, height, count, expected }) => {
    const size = { width, height };
    const superpixels = seeds(new Uint8Array(width * height * 3), size, { count });
    expect(superpixels.count).toBe(expected);
    expectPartition(superpixels, size);
  });

  test('the most superpixels still fit in 16 bits', () => {
    const size = { width: 400, height: 300 };
    const superpixels = seeds(new Uint8Array(400 * 300 * 3), size, { count: 32768 });
    expect(superpixels.count).toBeLessThan(65535);
    expect(new Set(superpixels.ids).size).toBe(superpixels.count);
  });

  test('a plain image stays the grid it starts from, up to rounded corners', () => {
    const size = { width: 320, height: 240 };
    for (const grey of [0, 128, 255]) {
      const superpixels = seeds(new Uint8Array(320 * 240 * 3).fill(grey), size);
      let elsewhere = 0;
      superpixels.ids.forEach((id, pixel) => {
        const column = Math.floor(((pixel % 320) * 7) / 320);
        const row = Math.floor((Math.floor(pixel / 320) * 6) / 240);
        if (id !== row * 7 + column) elsewhere++;
      });
      expect(elsewhere / superpixels.ids.length).toBeLessThan(0.02);
    }
  });

  test.each([
    ['a slanted edge', (x: number, y: number) => x + 0.37 * y > 190],
    ['a disc', (x: number, y: number) => Math.hypot(x - 143, y - 121) < 61],
  ])('finds the boundary of two colours exactly: %s', (_, inside) => {
    const size = { width: 320, height: 240 };
    const colour = painted(size, (x, y) => (inside(x, y) ? [180, 90, 70] : [90, 120, 160]));
    const labels = new Uint8Array(320 * 240);
    labels.forEach((_, pixel) => {
      labels[pixel] = inside(pixel % 320, Math.floor(pixel / 320)) ? 1 : 0;
    });
    const superpixels = seeds(colour, size);
    expect(boundaryRecall(superpixels, labels, 0)).toBeGreaterThan(0.97);
    expect(undersegmentationError(superpixels, labels)).toBeLessThan(0.002);
  });

  test('calls do not influence each other', () => {
    const [small, large] = [
      { width: 40, height: 30 },
      { width: 120, height: 90 },
    ];
    const stripes = (x: number, y: number) => [(x * 9) % 256, (y * 5) % 256, ((x + y) * 3) % 256];
    const first = seeds(painted(small, stripes), small).ids;
    seeds(painted(large, stripes), large, { count: 7 });
    expect(seeds(painted(small, stripes), small).ids).toEqual(first);
  });

  test('refuses options and buffers that make no sense, in one sentence', () => {
    const size = { width: 4, height: 4 };
    const colour = new Uint8Array(48);
    for (const count of [0, -3, 2.5, Number.NaN, 32769]) {
      expect(() => seeds(colour, size, { count })).toThrow(UserError);
    }
    expect(() => seeds(colour, { width: 5, height: 4 })).toThrow('Expected 5×4 RGB pixels; found 48 bytes.');
    expect(() => seeds(new Uint8Array(0), { width: 0, height: 4 })).toThrow(UserError);
  });
});

describe('smoothLab', () => {
  // Reference values of CIE Lab (D65) for the sRGB primaries, as published with the standard's formulas.
  test.each([
    ['white', [255, 255, 255], [100, 0, 0]],
    ['black', [0, 0, 0], [0, 0, 0]],
    ['red', [255, 0, 0], [53.24, 80.09, 67.2]],
    ['green', [0, 255, 0], [87.73, -86.18, 83.18]],
    ['blue', [0, 0, 255], [32.3, 79.19, -107.86]],
    ['grey', [119, 119, 119], [50.03, 0, 0]],
  ])('%s', (_, rgb, [l, a, b]) => {
    const lab = smoothLab(Uint8Array.from(rgb), { width: 1, height: 1 });
    expect((lab[0]! * 2) / LAB_SCALE).toBeCloseTo(l!, 0);
    expect(lab[1]! / LAB_SCALE).toBeCloseTo(a!, 0);
    expect(lab[2]! / LAB_SCALE).toBeCloseTo(b!, 0);
  });

  test('weighs a 3×3 neighbourhood 1 2 1', () => {
    const size = { width: 5, height: 5 };
    const lightness = (x: number, y: number) => smoothLab(spot, size)[(y * 5 + x) * 3]! / LAB_SCALE;
    const spot = painted(size, (x, y) => (x === 2 && y === 2 ? [255, 255, 255] : [0, 0, 0]));
    expect(lightness(2, 2)).toBeCloseTo(50 / 4, 1);
    expect(lightness(1, 2)).toBeCloseTo(50 / 8, 1);
    expect(lightness(1, 1)).toBeCloseTo(50 / 16, 1);
    expect(lightness(0, 2)).toBe(0);
  });
});

describe('neighbourhood', () => {
  test('bits go round clockwise from the upper left', () => {
    for (const [bit, cell] of [0, 1, 2, 5, 8, 7, 6, 3].entries()) {
      const map = new Uint16Array(9);
      map[cell] = 1;
      expect(neighboursWith(1, map, 3, 4)).toBe(1 << bit);
      expect(NEIGHBOURS[1 << bit]).toBe(1);
    }
  });

  test('a boundary cell can leave exactly if what it touches stays connected within the ring', () => {
    for (let byte = 0; byte < 256; byte++) {
      const ring = [0, 1, 2, 5, 8, 7, 6, 3];
      const map = new Uint16Array(9);
      ring.forEach((cell, bit) => {
        map[cell] = (byte >> bit) & 1;
      });
      map[4] = 2; // gone to another region
      const pieces = connectedComponents(map, { width: 3, height: 3 }).ids;
      const touched = new Set([1, 3, 5, 7].filter((cell) => map[cell] === 1).map((cell) => pieces[cell]));
      const surrounded = [1, 3, 5, 7].every((cell) => map[cell] === 1); // not on a boundary: never asked
      if (!surrounded) expect(CAN_LEAVE[byte] === 1).toBe(touched.size === 1);
    }
  });
});

describe('relabel', () => {
  test('names ids in raster order of first appearance', () => {
    const ids = Uint32Array.from([70000, 70000, 3, 9, 3, 3]);
    expect(relabel(ids, { width: 3, height: 2 })).toEqual({
      width: 3,
      height: 2,
      count: 3,
      ids: Uint16Array.from([0, 0, 1, 2, 1, 1]),
    });
    expect([...ids]).toEqual([70000, 70000, 3, 9, 3, 3]);
  });

  test('leaves an id in several pieces one superpixel', () => {
    const { ids, count } = relabel(Uint16Array.from([5, 8, 5]), { width: 3, height: 1 });
    expect([...ids]).toEqual([0, 1, 0]);
    expect(count).toBe(2);
    expect(connectedComponents(ids, { width: 3, height: 1 }).count).toBe(3);
  });

  test('keeps the partition whatever the ids, and does nothing the second time', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 0xffffffff }), { minLength: 1, maxLength: 60 }), (values) => {
        const size = { width: values.length, height: 1 };
        const { ids, count } = relabel(Uint32Array.from(values), size);
        expect(count).toBe(new Set(values).size);
        for (const [i, value] of values.entries()) expect(ids[i]).toBe(ids[values.indexOf(value)]);
        expect(relabel(ids, size).ids).toEqual(ids);
      }),
    );
  });

  test('takes 65535 different ids and refuses one more', () => {
    const many = Uint32Array.from({ length: 65536 }, (_, i) => 3 * i);
    expect(relabel(many.subarray(0, 65535), { width: 65535, height: 1 }).count).toBe(65535);
    expect(() => relabel(many, { width: 65536, height: 1 })).toThrow(
      'Expected at most 65535 superpixels in an image; found 65536.',
    );
  });

  test('refuses ids of another size', () => {
    expect(() => relabel(new Uint16Array(5), { width: 3, height: 2 })).toThrow(UserError);
  });
});

test('connectedComponents: diagonal neighbours are apart, a bend holds together', () => {
  const { cells, ...size } = drawn('0110', '1011', '1111');
  // The ones of all rows meet through the third; the zero in the middle touches the corner's only diagonally.
  const pieces = drawn('0112', '1311', '1111').cells;
  expect(connectedComponents(Uint16Array.from(cells), size)).toEqual({
    count: 4,
    ids: Uint32Array.from(pieces),
  });
});

describe('metrics, by hand', () => {
  test('boundary recall counts both sides of an edge, within a square window', () => {
    const labels = labelling('000111', '000111'); // four boundary pixels, in columns 2 and 3
    expect(boundaryRecall(partition('000111', '000111'), labels, 0)).toBe(1);
    // Superpixel boundary pixels in columns 1 and 2: column 2 is hit, column 3 is one away.
    expect(boundaryRecall(partition('001111', '001111'), labels, 0)).toBe(0.5);
    expect(boundaryRecall(partition('001111', '001111'), labels, 1)).toBe(1);
    // Columns 0 and 1: column 2 is one away, column 3 two.
    expect(boundaryRecall(partition('011111', '011111'), labels, 0)).toBe(0);
    expect(boundaryRecall(partition('011111', '011111'), labels, 1)).toBe(0.5);
    expect(boundaryRecall(partition('011111', '011111'), labels)).toBe(1);
    expect(boundaryRecall(partition('000000', '000000'), labels)).toBe(0);
  });

  test('boundary recall: an unlabelled pixel makes no edge', () => {
    expect(boundaryRecall(partition('0000'), labelling('0..1'), 0)).toBeNaN();
    // Only the two pixels of the 0|1 edge count; the one of 1|ignore does not.
    expect(boundaryRecall(partition('0111'), labelling('01.0'), 0)).toBe(1);
    expect(boundaryRecall(partition('0000'), labelling('0000'))).toBeNaN();
  });

  test('undersegmentation error charges the smaller side of each leak', () => {
    const labels = labelling('0000', '1111');
    expect(undersegmentationError(partition('0000', '1111'), labels)).toBe(0);
    expect(undersegmentationError(partition('0011', '0011'), labels)).toBe(1); // four leaks of two pixels, 8 pixels
    // Superpixel 0 has four pixels of class 0 and one of class 1: min(4,1) + min(1,4) = 2; superpixel 1 has none.
    expect(undersegmentationError(partition('0000', '0111'), labels)).toBe(2 / 8);
  });

  test('undersegmentation error leaves unlabelled pixels out of superpixels and of the total', () => {
    expect(undersegmentationError(partition('0000', '0111'), labelling('0000', '.111'))).toBe(0);
    expect(undersegmentationError(partition('0000', '0111'), labelling('.000', '1111'))).toBe(2 / 7);
    expect(undersegmentationError(partition('00'), labelling('..'))).toBeNaN();
  });

  test('compactness is the isoperimetric quotient, weighted by area', () => {
    expect(compactness(partition('00', '00'))).toBeCloseTo(Math.PI / 4, 12);
    // A bar of three pixels has perimeter 8, and the pixel beside it 4.
    const bar = (4 * Math.PI * 3) / 64;
    expect(compactness(partition('0001'))).toBeCloseTo((3 * bar + Math.PI / 4) / 4, 12);
  });

  test('labels of another size are refused', () => {
    expect(() => boundaryRecall(partition('01'), labelling('011'))).toThrow(RangeError);
    expect(() => undersegmentationError(partition('01'), labelling('011'))).toThrow(RangeError);
  });
});

const sample = '../shared/data/scannet-sample';
describe.skipIf(!existsSync(sample))(
  'against the reference superpixels (skipped without scannet-sample)',
  () => {
    test('better recall, less error and rounder shapes, with no more superpixels', {
      timeout: 60_000,
    }, async () => {
      const names = readdirSync(`${sample}/color`).map((file) => file.replace('.jpg', ''));
      const ours = { recall: 0, error: 0, compactness: 0, most: 0 };
      const theirs = { recall: 0, error: 0, compactness: 0, most: 0 };
      for (const name of names) {
        const { data, info } = await sharp(`${sample}/color/${name}.jpg`)
          .raw()
          .toBuffer({ resolveWithObject: true });
        const size = { width: info.width, height: info.height };
        const nyu = await sharp(`${sample}/label/${name}.png`).toColourspace('b-w').raw().toBuffer();
        const labels = Uint8Array.from(nyu, (id) => (id === 0 || id > 40 ? IGNORE : id - 1));
        const ids = await sharp(`${sample}/superpixel/${name}.png`)
          .toColourspace('grey16')
          .raw({ depth: 'ushort' })
          .toBuffer();
        const reference = relabel(new Uint16Array(Uint8Array.from(ids).buffer), size);
        const superpixels = seeds(new Uint8Array(data), size);
        expectPartition(superpixels, size);
        for (const [sums, cut] of [[ours, superpixels] as const, [theirs, reference] as const]) {
          sums.recall += boundaryRecall(cut, labels) / names.length;
          sums.error += undersegmentationError(cut, labels) / names.length;
          sums.compactness += compactness(cut) / names.length;
          sums.most = Math.max(sums.most, cut.count);
        }
      }
      expect(ours.recall).toBeGreaterThan(theirs.recall);
      expect(ours.error).toBeLessThan(theirs.error);
      expect(ours.compactness).toBeGreaterThan(theirs.compactness);
      expect(ours.most).toBeLessThanOrEqual(theirs.most);
    });
  },
);

test('threads cut what this one cuts, and refuse what it refuses', async () => {
  const pool = new SuperpixelPool(2, { count: 12 });
  const sizes = [20, 31, 44].map((width) => ({ width, height: 30 }));
  const frames = sizes.map((size, i) => ({
    ...size,
    colour: painted(size, (x, y) => [5 * x, 7 * y, 40 * ((x >> 3) % 2) + i]),
  }));
  const cut = await Promise.all(frames.map((frame) => pool.cut(frame)));
  expect(cut).toEqual(frames.map((frame) => seeds(frame.colour, frame, { count: 12 })));
  const broken = pool.cut({ width: 4, height: 4, colour: new Uint8Array(5) });
  await expect(broken).rejects.toThrow(UserError);
  await expect(broken).rejects.toThrow('Expected 4×4 RGB pixels; found 5 bytes.');
  await pool.close();
});
