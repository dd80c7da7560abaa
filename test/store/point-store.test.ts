import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BadFrameError } from '../../src/errors.js';
import { halfValues, toHalves } from '../../src/model/probability-map.js';
import { random, shuffle } from '../../src/random.js';
import { sumIncidences } from '../../src/store/bin.js';
import { CpuPointStore } from '../../src/store/cpu-point-store.js';
import { MAX_PIXELS, MIN_P } from '../../src/store/fixed-point.js';
import { footprintOf } from '../../src/store/footprint.js';
import { type Incidences, rayCode, rayOffset } from '../../src/store/incidences.js';
import { binned, type RandomFrameOptions, randomFrame, type SeenFrame } from '../random-frames.js';

const VOXEL = 0.05;

async function storeOf(frames: readonly Incidences[]): Promise<CpuPointStore> {
  const store = new CpuPointStore(frames[0].classes);
  for (const [i, frame] of frames.entries()) await store.integrate(frame, `${i}`);
  return store;
}

/** One pixel per frame, looking down z at the same point; probabilities as given. */
function onePixel(id: string, probabilities: readonly number[]): SeenFrame {
  return {
    frame: {
      scene: 's',
      id,
      timestamp: 0,
      width: 1,
      height: 1,
      colour: new Uint8Array(3),
      depth: Float32Array.of(1.01),
      intrinsics: { fx: 1, fy: 1, cx: 0, cy: 0 },
      cameraToWorld: Float64Array.of(1, 0, 0, 0.01, 0, 1, 0, 0.01, 0, 0, 1, 0, 0, 0, 0, 1),
    },
    superpixels: { width: 1, height: 1, count: 1, ids: Uint16Array.of(0) },
    probabilities: {
      width: 1,
      height: 1,
      classes: probabilities.length,
      data: toHalves(Float32Array.from(probabilities)),
    },
  };
}

describe('incidences', () => {
  test('group pixels by superpixel and voxel', () => {
    // Two pixels 1 m away and 1 m apart, a third without depth.
    const seen = onePixel('a', [0.5, 0.5]);
    const frame = { ...seen.frame, width: 3, depth: Float32Array.of(1, 1, 0) };
    const superpixels = { width: 3, height: 1, count: 2, ids: Uint16Array.of(1, 0, 1) };
    const footprint = footprintOf(frame, superpixels, 0.02);
    expect([...footprint.rowOfPixel]).toEqual([1, 0, -1]);
    const data = toHalves(Float32Array.of(1, 0, 0.25, 0.75, 0.5, 0.5));
    const rows = sumIncidences(footprint, { width: 3, height: 1, classes: 2, data });
    expect([...rows.superpixelPixels]).toEqual([1, 2]);
    expect([...rows.rowStart]).toEqual([0, 1, 2]);
    expect([...rows.pixels]).toEqual([1, 1]);
    // Pixel 0 lies at x = 0.01, pixel 1 at 1.01 m; both at y = 0.01, z = 1.
    expect([...rows.voxels]).toEqual([0, 0, 50, 50, 0, 50]);
    expect([...rows.voxel]).toEqual([1, 0]);
    expect([...rows.sumP]).toEqual([2 ** 12, 3 * 2 ** 12, 2 ** 14, 0]);
    expect([...rows.sumNegLog].slice(0, 2)).toEqual([
      Math.round(Math.log(4) * 1024),
      Math.round(Math.log(4 / 3) * 1024),
    ]);
    expect([...rows.sumNegLog].slice(2)).toEqual([0, Math.round(-Math.log(MIN_P) * 1024)]);
  });

  test('hold every pixel with depth once', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 9 }), (seed, superpixels) => {
        const seen = randomFrame(seed, { superpixels });
        const rows = binned(seen);
        const withDepth = seen.frame.depth.filter((d) => d > 0).length;
        expect(rows.pixels.reduce((a, b) => a + b, 0)).toBe(withDepth);
        const pairs = new Set<string>();
        for (let r = 0; r < superpixels; r++)
          for (let row = rows.rowStart[r]; row < rows.rowStart[r + 1]; row++)
            pairs.add(`${r} ${rows.voxel[row]}`);
        expect(pairs.size).toBe(rows.voxel.length);
      }),
      { numRuns: 50 },
    );
  });

  test('refuse a pose beyond the voxel grid', () => {
    const seen = randomFrame(1);
    const cameraToWorld = seen.frame.cameraToWorld.slice();
    cameraToWorld[3] = 1e12;
    expect(() => binned({ ...seen, frame: { ...seen.frame, cameraToWorld } })).toThrow(BadFrameError);
  });

  test('are right 10 km from the origin and for negative coordinates', () => {
    const seen = randomFrame(3, { holes: 0 });
    const far = seen.frame.cameraToWorld.slice();
    far[3] += -10_000;
    const [near, shifted] = [binned(seen), binned({ ...seen, frame: { ...seen.frame, cameraToWorld: far } })];
    expect(shifted.voxels.map((x, i) => (i % 3 === 0 ? x + 10_000 / VOXEL : x))).toEqual(near.voxels);
  });
});

describe('the viewing ray', () => {
  test('leads to the neighbour one voxel on', () => {
    const offset = (x: number, y: number, z: number) => {
      const code = rayCode(x, y, z);
      return [rayOffset(code, 0), rayOffset(code, 1), rayOffset(code, 2)];
    };
    expect(offset(0, 0, 3)).toEqual([0, 0, 1]);
    expect(offset(-5, 0.1, 0)).toEqual([-1, 0, 0]);
    expect(offset(1, -1, 0)).toEqual([1, -1, 0]);
    expect(offset(-1, 1, 1)).toEqual([-1, 1, 1]);
    expect(offset(0.9, 0.4, 0.1)).toEqual([1, 0, 0]);
  });

  test('brings in another view whose depth is off by a voxel, but none of the frame itself', async () => {
    const [a, b] = [onePixel('a', [0.75, 0.25]), onePixel('b', [0.25, 0.75])];
    b.frame.depth[0] = 1.03; // the next 2 cm voxel
    const [rowsA, rowsB] = [binned(a, 0.02), binned(b, 0.02)];
    const store = await storeOf([rowsA, rowsB]);
    for (const rows of [rowsA, rowsB]) {
      const scores = await store.score(rows);
      // n = 1 + ½: Q = (7/12, 5/12) or its mirror; KL = ½ ln 3 at weight ½ over n.
      const entropy = -(7 / 12) * Math.log(7 / 12) - (5 / 12) * Math.log(5 / 12);
      expect(scores.viewEntropy[0]).toBeCloseTo(entropy, 3);
      expect(scores.viewDivergence[0]).toBeCloseTo(Math.log(3) / 6, 3);
    }
    b.frame.depth[0] = 1.05;
    const far = await storeOf([rowsA, binned(b, 0.02)]);
    expect((await far.score(rowsA)).viewDivergence[0]).toBe(0);
  });
});

describe('scores of hand-computed cases', () => {
  test('two views that disagree', async () => {
    const views = [onePixel('a', [0.75, 0.25]), onePixel('b', [0.25, 0.75])].map((seen) => binned(seen));
    const store = await storeOf(views);
    const scores = await store.score(views[0]);
    // Q = (1/2, 1/2); Ω holds both views; KL(P‖P) = 0, KL(P_a‖P_b) = 1/2 ln 3.
    expect(scores.viewEntropy[0]).toBeCloseTo(Math.log(2), 3);
    expect(scores.viewDivergence[0]).toBeCloseTo(Math.log(3) / 4, 3);
    expect(scores.views[0]).toBe(2);
    expect(scores.pixels[0]).toBe(1);
    expect(scores.scoredPixels[0]).toBe(1);
  });

  test('one view alone has its own entropy and no divergence', async () => {
    const view = binned(onePixel('a', [0.5, 0.25, 0.25]));
    const scores = await (await storeOf([view])).score(view);
    expect(scores.viewEntropy[0]).toBeCloseTo(1.5 * Math.log(2), 3);
    expect(scores.viewDivergence[0]).toBe(0);
    expect(scores.views[0]).toBe(1);
  });

  test('certain views that contradict each other are clamped at 1e-8', async () => {
    const views = [onePixel('a', [1, 0]), onePixel('b', [0, 1])].map((seen) => binned(seen));
    const scores = await (await storeOf(views)).score(views[0]);
    expect(scores.viewEntropy[0]).toBeCloseTo(Math.log(2), 6);
    expect(scores.viewDivergence[0]).toBeCloseTo(-Math.log(MIN_P) / 2, 3);
  });

  test('a superpixel without depth has no score', async () => {
    const seen = randomFrame(1, { superpixels: 2, width: 8 });
    seen.frame.depth.forEach((_, i) => {
      if (i % 8 < 4) seen.frame.depth[i] = 0;
    });
    const rows = binned(seen);
    const scores = await (await storeOf([rows])).score(rows);
    expect(scores.scoredPixels[0]).toBe(0);
    expect(scores.viewEntropy[0]).toBeNaN();
    expect(scores.viewDivergence[0]).toBeNaN();
    expect(scores.viewEntropy[1]).toBeGreaterThan(0);
  });
});

/**
 * Eq. 3 to 7 pixel by pixel, in floating point: each pixel against its voxel's pixels and, at half weight, those in the voxels
 * one step nearer and one further along its voxel's ray; for divergence, those of other frames alone.
 */
function scorePixelByPixel(frames: readonly SeenFrame[], target: number) {
  const values = halfValues();
  const voxelOf = ({ frame }: SeenFrame, i: number) => {
    const m = frame.cameraToWorld;
    const d = frame.depth[i];
    const x = ((i % frame.width) - frame.intrinsics.cx) / frame.intrinsics.fx;
    const y = (Math.floor(i / frame.width) - frame.intrinsics.cy) / frame.intrinsics.fy;
    return [0, 4, 8].map((r) =>
      Math.floor((m[r] * d * x + m[r + 1] * d * y + m[r + 2] * d + m[r + 3]) / VOXEL),
    );
  };
  const seen = new Map<string, { frame: number; p: number[] }[]>();
  frames.forEach((each, frame) => {
    each.frame.depth.forEach((d, i) => {
      if (d === 0) return;
      const { classes, data } = each.probabilities;
      const p = [...data.subarray(i * classes, (i + 1) * classes)].map((half) => values[half]);
      const key = voxelOf(each, i).join();
      seen.set(key, [...(seen.get(key) ?? []), { frame, p }]);
    });
  });
  const log = (p: number) => Math.log(Math.max(p, MIN_P));
  const { frame, superpixels, probabilities } = frames[target];
  const camera = [3, 7, 11].map((at) => frame.cameraToWorld[at]);
  const sums = Array.from({ length: superpixels.count }, () => ({
    n: 0,
    entropy: 0,
    divergence: 0,
    views: 0,
  }));
  frame.depth.forEach((d, i) => {
    if (d === 0) return;
    const { classes, data } = probabilities;
    const own = [...data.subarray(i * classes, (i + 1) * classes)].map((half) => values[half]);
    const voxel = voxelOf(frames[target], i);
    const ray = voxel.map((x, axis) => (x + 0.5) * VOXEL - camera[axis]);
    const offset = ray.map((x) => {
      const cosine = x / Math.hypot(...ray);
      return cosine > 0.5 ? 1 : cosine < -0.5 ? -1 : 0;
    });
    const here = seen.get(voxel.join())!;
    const near = [-1, 1].flatMap(
      (sign) => seen.get(voxel.map((x, axis) => x + sign * offset[axis]).join()) ?? [],
    );
    const all = [
      ...here.map((one) => ({ ...one, weight: 1 })),
      ...near.map((one) => ({ ...one, weight: 0.5 })),
    ];
    const weigh = (some: typeof all) => some.reduce((total, { weight }) => total + weight, 0);
    const q = own.map((_, c) => all.reduce((total, { p, weight }) => total + weight * p[c], 0) / weigh(all));
    const others = all.filter((one) => one.frame !== target);
    const n = weigh(others) + here.filter((one) => one.frame === target).length;
    const kl = (p: number[]) => own.reduce((total, x, c) => total + x * (log(x) - log(p[c])), 0);
    const sum = sums[superpixels.ids[i]];
    sum.n++;
    sum.entropy -= q.reduce((total, x) => total + x * log(x), 0);
    sum.divergence += others.reduce((total, { p, weight }) => total + weight * kl(p), 0) / n;
    sum.views += new Set(here.map((one) => one.frame)).size;
  });
  return sums;
}

describe('scores from incidences', () => {
  test('equal Eq. 3 to 7 computed pixel by pixel, to the rounding of the fixed point', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 2, max: 40 }),
        async (seed, n, classes) => {
          const options: RandomFrameOptions = { classes, width: 16, height: 12, superpixels: 4 };
          const frames = Array.from({ length: n }, (_, i) => randomFrame(`${seed} ${i}`, options));
          const rows = frames.map((seen) => binned(seen));
          const store = await storeOf(rows);
          const scores = await store.score(rows[0]);
          scorePixelByPixel(frames, 0).forEach((expected, r) => {
            expect(scores.scoredPixels[r]).toBe(expected.n);
            expect(Math.abs(scores.viewEntropy[r] - expected.entropy / expected.n)).toBeLessThan(2e-3);
            expect(Math.abs(scores.viewDivergence[r] - expected.divergence / expected.n)).toBeLessThan(2e-3);
            expect(scores.views[r]).toBeCloseTo(expected.views / expected.n, 5);
          });
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('the store', () => {
  test('holds the same bits whatever the order, and whether filled at once or merged from two', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 6 }), fc.nat(), async (seed, n, split) => {
        const rows = Array.from({ length: n }, (_, i) => binned(randomFrame(`${seed} ${i}`)));
        const whole = await (await storeOf(rows)).snapshot();
        const shuffled = shuffle([...rows], random(seed));
        expect(await (await storeOf(shuffled)).snapshot()).toEqual(whole);
        const at = split % n;
        const merged = new CpuPointStore(rows[0].classes);
        for (const part of [shuffled.slice(0, at), shuffled.slice(at)])
          if (part.length > 0) await merged.merge(await (await storeOf(part)).snapshot());
        expect(await merged.snapshot()).toEqual(whole);
        for (const frame of rows)
          expect(await merged.score(frame)).toEqual(await (await storeOf(rows)).score(frame));
      }),
      { numRuns: 15 },
    );
  });

  test('is as if a frame had never been there once it is removed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 5 }), async (seed, n) => {
        const rows = Array.from({ length: n + 1 }, (_, i) => binned(randomFrame(`${seed} ${i}`)));
        const without = await storeOf(rows.slice(1));
        const removed = await storeOf(rows);
        await removed.remove(rows[0]);
        expect(await removed.snapshot()).toEqual(await without.snapshot());
        for (const frame of rows.slice(1))
          expect(await removed.score(frame)).toEqual(await without.score(frame));
      }),
      { numRuns: 15 },
    );
  });

  test('refuses a frame that would overflow a sum, and is left as it was', async () => {
    const side = 240;
    const seen = randomFrame(1, { width: side, height: side, holes: 0, superpixels: 1, classes: 2 });
    seen.frame.depth.fill(1e-3);
    const rows = binned(seen, 1);
    const store = new CpuPointStore(2);
    const times = Math.floor(MAX_PIXELS / Math.max(...rows.pixels));
    for (let i = 0; i < times; i++) await store.integrate(rows, 'a');
    const before = await store.snapshot();
    await expect(store.integrate(rows, 'scene/7')).rejects.toThrow(/scene\/7.*180000/);
    expect(await store.snapshot()).toEqual(before);
    expect(Math.max(...before.sumNegLog)).toBeLessThan(2 ** 32);
  });

  test('grows past its first tables without losing a point', async () => {
    // Every pixel in a voxel of its own: 40 000 voxels.
    const seen = randomFrame(1, { width: 200, height: 200, holes: 0, classes: 2 });
    const rows = binned(seen, 0.001);
    const store = await storeOf([rows]);
    const points = await store.snapshot();
    expect(points.pixels.length).toBe(rows.voxels.length / 3);
    expect(points.pixels.reduce((a, b) => a + b, 0)).toBe(40_000);
  });

  test('refuses to remove what it never held, and a merge past its bound, and is left as it was', async () => {
    const rows = binned(randomFrame(1));
    const store = await storeOf([rows]);
    const before = await store.snapshot();
    await expect(store.remove(binned(randomFrame(2)))).rejects.toThrow(/not in the store/);
    const full = {
      ...before,
      pixels: before.pixels.map((n, i) => (i === before.pixels.length - 1 ? MAX_PIXELS : n)),
    };
    await expect(store.merge(full)).rejects.toThrow(/180000/);
    expect(await store.snapshot()).toEqual(before);
  });

  test('refuses another number of classes', async () => {
    const store = new CpuPointStore(3);
    await expect(store.integrate(binned(randomFrame(1, { classes: 4 })), 'a')).rejects.toThrow(BadFrameError);
  });
});
