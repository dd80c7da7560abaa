import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Size } from '../../src/frame.js';
import { GpuPairwiseScorer, type PairwiseScorerOptions } from '../../src/geometry/gpu/gpu-pairwise-scorer.js';
import {
  averageBySuperpixel,
  type PixelScores,
  scorePairwise,
  type View,
} from '../../src/geometry/pairwise.js';
import { closeGpu, type Gpu, openGpu } from '../../src/gpu/device.js';
import { GpuError } from '../../src/gpu/errors.js';
import { toHalves } from '../../src/model/probability-map.js';
import { random, seedOf } from '../../src/random.js';
import { openRecording } from '../../src/sources/open.js';
import { gpu, where } from '../store/gpu-setting.js';
import { view } from './two-pixels.js';

const SCANNET = '../shared/data/scannet-sample';
const SEVEN_SCENES = '../shared/data/7scenes-sample';
/** Largest difference of scores, nats. */
const NEAR = 1e-5;

/** A made-up map, of probabilities large and small. */
function mapOf({ width, height }: Size, classes: number, seed: string): View['probabilities'] {
  const next = random(seedOf('map', seed));
  const values = new Float32Array(width * height * classes);
  for (let at = 0; at < values.length; at += classes) {
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      values[at + c] = next() ** 8 + 1e-9;
      sum += values[at + c];
    }
    for (let c = 0; c < classes; c++) values[at + c] /= sum;
  }
  return { width, height, classes, data: toHalves(values) };
}

interface SceneOptions extends Partial<Size> {
  readonly classes?: number;
  readonly holes?: number;
  /** Metres that all cameras are moved by, along every axis. */
  readonly offset?: number;
}

/**
 * Views of a wavy surface some 2 m away, from cameras turned by up to `0.2` about each axis and moved by as much, with
 * intrinsics of their own.
 */
function randomScene(seed: number, count: number, options: SceneOptions = {}): View[] {
  const { width = 24, height = 18, classes = 5, holes = 0.1, offset = 0 } = options;
  const next = random(seedOf('views', seed));
  return Array.from({ length: count }, (_, i) => {
    const [a, b, c] = [next(), next(), next()].map((x) => 0.4 * (x - 0.5));
    const [ca, sa, cb, sb, cc, sc] = [a, b, c].flatMap((x) => [Math.cos(x), Math.sin(x)]);
    const [x, y, z] = [next(), next(), next()].map((one) => offset + 0.4 * (one - 0.5));
    const depth = Float32Array.from({ length: width * height }, (_, pixel) =>
      next() < holes ? 0 : 2 + 0.04 * Math.sin(pixel / 5) + 0.02 * next(),
    );
    const f = width * (0.8 + 0.3 * next());
    return {
      frame: {
        width,
        height,
        depth,
        intrinsics: { fx: f, fy: f * 1.01, cx: width / 2 + next(), cy: height / 2 - next() },
        cameraToWorld: Float64Array.of(
          ...[ca * cb, ca * sb * sc - sa * cc, ca * sb * cc + sa * sc, x],
          ...[sa * cb, sa * sb * sc + ca * cc, sa * sb * cc - ca * sc, y],
          ...[-sb, cb * sc, cb * cc, z],
          ...[0, 0, 0, 1],
        ),
      },
      probabilities: mapOf({ width, height }, classes, `${seed}/${i}`),
    };
  });
}

/** Superpixels as columns, in stripes. */
function stripes({ width, height }: Size, count: number) {
  const ids = Uint16Array.from({ length: width * height }, (_, i) => i % count);
  return { width, height, count, ids };
}

function otherThan(views: readonly View[], i: number): View[] {
  return views.filter((_, j) => j !== i);
}

function expectNear(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  for (let i = 0; i < expected.length; i++) {
    if (Number.isNaN(expected[i])) expect(found[i], `${i}`).toBeNaN();
    else if (!(Math.abs(found[i] - expected[i]) < NEAR)) expect(found[i], `${i}`).toBe(expected[i]);
  }
}

function expectSame(found: PixelScores, expected: PixelScores): void {
  expect(found.observations).toEqual(expected.observations);
  expect(found.views).toEqual(expected.views);
  expectNear(found.viewEntropy, expected.viewEntropy);
  expectNear(found.viewDivergence, expected.viewDivergence);
}

describe.skipIf(typeof gpu === 'string')(`pairwise reprojection on the GPU, ${where}`, () => {
  const device = gpu as Gpu;
  afterAll(closeGpu);

  async function withScene<T>(
    views: readonly View[],
    work: (scorer: GpuPairwiseScorer) => Promise<T>,
    options?: PairwiseScorerOptions,
  ): Promise<T> {
    const { frame, probabilities } = views[0];
    const scorer = await GpuPairwiseScorer.create(
      device,
      frame,
      probabilities.classes,
      views.length,
      options,
    );
    try {
      for (const one of views) await scorer.add(one);
      return await work(scorer);
    } finally {
      scorer.destroy();
    }
  }

  /** Pixels and superpixels of every view against the CPU's. @returns observations of other views' pixels */
  async function expectAsOnCpu(
    views: readonly View[],
    options?: PairwiseScorerOptions,
    superpixels = stripes(views[0].frame, 7),
  ): Promise<number> {
    let others = 0;
    await withScene(
      views,
      async (scorer) => {
        for (const [i, one] of views.entries()) {
          const expected = await scorePairwise(one, otherThan(views, i));
          const found = await scorer.scorePixels(i);
          expectSame(found, expected);
          const means = averageBySuperpixel(expected, superpixels);
          const scores = await scorer.score(i, superpixels);
          expect(scores.pixels).toEqual(means.pixels);
          expect(scores.scoredPixels).toEqual(means.scoredPixels);
          expectNear(scores.viewEntropy, means.viewEntropy);
          expectNear(scores.viewDivergence, means.viewDivergence);
          expectNear(scores.views, means.views);
          expected.observations.forEach((n) => {
            others += Math.max(0, n - 1);
          });
        }
      },
      options,
    );
    return others;
  }

  test('of two views, by hand', async () => {
    const A = view(0, [1, 1], [0.75, 0.25, 0.5, 0.5]);
    // B stands 1 m to the right: its pixel 0 shows A's pixel 1; its pixel 1 falls outside A.
    const B = view(1, [1.04, 1], [0.25, 0.75, 0.5, 0.5]);
    await withScene([A, B], async (scorer) => {
      const scores = await scorer.scorePixels(0);
      expect([...scores.observations]).toEqual([1, 2]);
      expect([...scores.views]).toEqual([1, 2]);
      const H = (...q: number[]) => -q.reduce((sum, p) => sum + p * Math.log(p), 0);
      expect(scores.viewEntropy[0]).toBeCloseTo(H(0.75, 0.25), 6);
      expect(scores.viewEntropy[1]).toBeCloseTo(H(0.375, 0.625), 6);
      expect(scores.viewDivergence[0]).toBe(0);
      // KL((½,½) ‖ (¼,¾)) = ½ ln 2 + ½ ln ⅔, over |Ω| = 2.
      expect(scores.viewDivergence[1]).toBeCloseTo((0.5 * Math.log(2) + 0.5 * Math.log(2 / 3)) / 2, 6);
      const one = await scorer.score(0, { width: 2, height: 1, count: 3, ids: Uint16Array.of(2, 2) });
      expect([...one.scoredPixels]).toEqual([0, 0, 2]);
      expect(one.viewEntropy[2]).toBeCloseTo((H(0.75, 0.25) + H(0.375, 0.625)) / 2, 6);
      expect(one.viewEntropy[0]).toBeNaN();
      expect(one.views[2]).toBe(1.5);
    });
  });

  test('drops what is hidden, behind the camera or without depth', async () => {
    const A = view(0, [1, 1], [0.75, 0.25, 0.5, 0.5]);
    const hidden = view(1, [1.06, 1], [0, 1, 0, 1]);
    const empty = view(1, [0, 1], [0, 1, 0, 1]);
    const near = view(0, [0.02, 0.02], [1, 0, 1, 0]);
    // Its first point lies 2 cm behind the camera of `near`, whose surface is 2 cm before it.
    const behind = view(0, [1, 0], [0, 1, 0, 1]);
    behind.frame.cameraToWorld[11] = -1.02;
    for (const views of [
      [A, hidden, empty],
      [near, behind],
    ])
      await withScene(views, async (scorer) => {
        expect([...(await scorer.scorePixels(0)).observations]).toEqual([1, 1]);
      });
    await withScene([empty, A], async (scorer) => {
      const scores = await scorer.scorePixels(0);
      expect([...scores.observations]).toEqual([0, 1]);
      expect(scores.viewEntropy[0]).toBeNaN();
    });
  });

  test('gives the observations and scores of the CPU for random scenes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.constantFrom(2, 5, 13, 40),
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom(0, 0.1, 0.9),
        fc.constantFrom(0, 10_000, -10_000),
        async (seed, classes, count, holes, offset) => {
          await expectAsOnCpu(randomScene(seed, count, { classes, holes, offset }));
        },
      ),
      { numRuns: 25 },
    );
    expect(await expectAsOnCpu(randomScene(3, 6))).toBeGreaterThan(1000);
  });

  test.each<[string, View[]]>([
    ['no valid depth', randomScene(1, 3, { holes: 1 })],
    ['an odd number of pixels and classes', randomScene(2, 4, { width: 23, height: 17, classes: 7 })],
    ['40 classes', randomScene(3, 4, { classes: 40 })],
    ['256 classes', randomScene(3, 2, { classes: 256 })],
    [
      'a camera that does not move',
      [1, 2, 3].map((i) => ({
        ...randomScene(4, 1)[0],
        probabilities: mapOf({ width: 24, height: 18 }, 5, `${i}`),
      })),
    ],
  ])('bears %s', async (_, views) => {
    await expectAsOnCpu(views);
  });

  test('bears one superpixel, and 1 000', async () => {
    const views = randomScene(5, 2, { width: 100, height: 30 });
    for (const count of [1, 1000]) await expectAsOnCpu(views, {}, stripes(views[0].frame, count));
  });

  test('bears a scene across several buffers', async () => {
    const views = randomScene(6, 7);
    // Room for two views a page: 24·18 pixels of 4 + 2·5 bytes.
    await expectAsOnCpu(views, { pageBytes: 2.5 * 24 * 18 * 14 });
  });

  test('bears more views than are reprojected at once', async () => {
    const views = randomScene(6, 7);
    await expectAsOnCpu(views, { batchViews: 3 });
    await expectAsOnCpu(views, { batchViews: 2, pageBytes: 3.5 * 24 * 18 * 14 });
  });

  test('bears depths that are tiny, huge or not numbers as the CPU does', async () => {
    const views = randomScene(7, 3);
    const odd = [1e-45, 1e-38, 1e-9, 3e-4, 7777, 65_535.9, 65_536, 1e6, 1e30, -1, Number.NaN, Infinity, -0];
    for (const [i, { frame }] of views.entries()) {
      frame.depth.set(odd, 40 * i);
      frame.depth.set(odd, 300);
    }
    await expectAsOnCpu(views);
  });

  test('bears cameras that are far apart, however far', async () => {
    const views = randomScene(8, 5);
    [0, 1e3, 2e4, 1e12, 1e300].forEach((x, i) => {
      views[i].frame.cameraToWorld[3] += x;
    });
    await expectAsOnCpu(views);
  });

  test('decides as the CPU what falls within 1e-8 pixels of the border between two', async () => {
    const size = { width: 3000, height: 1 };
    // Planes seen from half a column further right, less or more a little: f32 cannot tell at column 3000.
    for (const [metres, beside] of [
      [1, 1e-9],
      [1.37, 1e-8],
      [2.9, -1e-8],
      [0.731, -1e-9],
    ]) {
      const depth = Math.fround(metres);
      const planes = [0, 1, 2].map((i): View => {
        const x = (i * (0.5 + beside) * depth) / 500;
        return {
          frame: {
            ...size,
            depth: new Float32Array(size.width).fill(depth),
            intrinsics: { fx: 500, fy: 500, cx: 1499.5, cy: 0 },
            cameraToWorld: Float64Array.of(1, 0, 0, x, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1),
          },
          probabilities: mapOf(size, 1, `${i}`),
        };
      });
      await expectAsOnCpu(planes);
    }
  });

  test('bears more observations of a pixel than 32 bits of their logarithms', async () => {
    // A frame of so wide an angle that all of the others falls on its middle pixel, where the class is the rarest.
    const others = randomScene(9, 3, { width: 64, height: 48, classes: 2, holes: 0 });
    for (const { probabilities } of others)
      probabilities.data.forEach((_, i, data) => {
        data[i] = i % 2 === 0 ? 0x3c00 : 0;
      });
    const [wide] = randomScene(9, 1, { width: 64, height: 48, classes: 2, holes: 0 });
    const frame = { ...wide.frame, intrinsics: { fx: 0.01, fy: 0.01, cx: 32, cy: 24 } };
    for (const one of [...others, { frame }]) one.frame.depth.fill(2);
    const views = [{ frame, probabilities: wide.probabilities }, ...others];
    const expected = await scorePairwise(views[0], others);
    const most = Math.max(...expected.observations);
    expect(most * 18.4 * 2 ** 24).toBeGreaterThan(2 ** 32);
    await expectAsOnCpu(views);
  });

  test('does not depend on the order of views, nor on what else is under way', async () => {
    const views = randomScene(10, 6);
    const superpixels = stripes(views[0].frame, 5);
    const first = await withScene(views, (scorer) => scorer.score(0, superpixels));
    const together = await withScene(views, (scorer) =>
      Promise.all(views.map((_, i) => (i === 3 ? scorer.scorePixels(i) : scorer.score(i, superpixels)))),
    );
    expect(together[0]).toEqual(first);
    const order = [4, 2, 0, 5, 1, 3].map((i) => views[i]);
    const again = await withScene(order, (scorer) => scorer.score(2, superpixels), {
      pageBytes: 2 * 24 * 18 * 14,
    });
    expect(again).toEqual(first);
  });

  test('says in one sentence that a scene does not fit', async () => {
    const create = (count: number, options?: PairwiseScorerOptions) =>
      GpuPairwiseScorer.create(device, { width: 320, height: 240 }, 13, count, options);
    const refused =
      /^[^\n]+ has no room for the scene's \d+ views of 320×240 with 13 classes: score from the point store \(--views store\), or on the CPU \(--backend wasm\)\.$/;
    for (const asked of [create(100_000), create(3, { maxBytes: 5e6 }), create(1, { pageBytes: 1e6 })]) {
      const error = await asked.catch((reason: Error) => reason);
      expect(error).toBeInstanceOf(GpuError);
      expect(error).toMatchObject({ kind: 'memory', message: expect.stringMatching(refused) });
    }
    const [a, b] = randomScene(1, 2);
    const scorer = await GpuPairwiseScorer.create(device, a.frame, 5, 1);
    await expect(scorer.add({ ...a, probabilities: mapOf(a.frame, 4, '') })).rejects.toThrow(RangeError);
    await scorer.add(a);
    await expect(scorer.add(b)).rejects.toThrow(RangeError);
    scorer.destroy();
  });

  test.each([SCANNET, SEVEN_SCENES])(
    'gives the observations of the CPU for real frames of %s',
    async (folder) => {
      if (!existsSync(folder)) {
        console.warn(`${folder} is not there: not compared`);
        return;
      }
      const size = { width: 160, height: 120 };
      const recording = await openRecording(folder);
      const views: View[] = [];
      for (const entry of recording.frames.filter((_, i) => i % 4 === 0).slice(0, 6)) {
        const frame = await recording.read(entry, size);
        views.push({ frame, probabilities: mapOf(size, 2, entry.id) });
      }
      expect(await expectAsOnCpu(views)).toBeGreaterThan(10_000);
    },
  );

  // The last: others have the device too.
  test('says that the GPU was lost, while views are uploaded and after', async () => {
    const lost = await openGpu();
    const [a, b] = randomScene(1, 2);
    const scorer = await GpuPairwiseScorer.create(lost, a.frame, 5, 2);
    await scorer.add(a);
    const adding = scorer.add(b);
    lost.device.destroy();
    await expect(adding).rejects.toBeInstanceOf(GpuError);
    await expect(scorer.score(0, stripes(a.frame, 3))).rejects.toBeInstanceOf(GpuError);
    await expect(GpuPairwiseScorer.create(lost, a.frame, 5, 2)).rejects.toBeInstanceOf(GpuError);
  });
});
