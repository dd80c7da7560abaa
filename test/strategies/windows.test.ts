import fc from 'fast-check';
import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { halfValues, toHalves } from '../../src/model/probability-map.js';
import { regionalMcDropoutEntropy, windowSide } from '../../src/strategies/regional-mc-dropout-entropy.js';
import type { Candidate, Pool } from '../../src/strategies/strategy.js';
import { type FakeFrame, fakePool } from './fake-pool.js';

type WindowCandidate = Candidate & { readonly region: { readonly unit: 'window' } };

async function ranking(pool: Pool): Promise<WindowCandidate[]> {
  const all = await firstValueFrom(regionalMcDropoutEntropy.rank(pool).pipe(toArray()));
  return all.map((candidate) => {
    if (candidate.region.unit !== 'window') throw new Error('expected windows');
    return candidate as WindowCandidate;
  });
}

const places = (candidates: readonly WindowCandidate[]) =>
  candidates.map(({ region: { frame, left, top } }) => ({ frame, left, top }));

/** H×W×2 probabilities: a half each where `unsure`, else sure. */
const spots = (width: number, height: number, unsure: (x: number, y: number) => boolean) =>
  Array.from({ length: width * height }, (_, i) =>
    unsure(i % width, Math.floor(i / width)) ? [0.5, 0.5] : [1, 0],
  ).flat();

describe('window side', () => {
  test('40 at a width of 320, in proportion elsewhere, at least 4, within the frame', () => {
    const side = (width: number, height: number) => windowSide({ width, height });
    expect(side(320, 240)).toBe(40);
    expect(side(640, 480)).toBe(80);
    expect(side(80, 60)).toBe(10);
    expect(side(16, 12)).toBe(4);
    expect(side(320, 30)).toBe(30);
    expect(side(3, 9)).toBe(3);
  });
});

describe('RMCDR', () => {
  test('finds the uncertain spot, and of equal windows around it the upper left', async () => {
    // A pixel at (5, 6) of 12×10; windows of 4×4 that hold it start at (2, 3) at the least.
    const pool = fakePool([{ scene: 's', id: 'a', p: spots(12, 10, (x, y) => x === 5 && y === 6) }], {
      width: 12,
      height: 10,
    });
    const ranked = await ranking(pool);
    expect(ranked).toEqual([
      {
        region: { unit: 'window', scene: 's', frame: 'a', left: 2, top: 3, width: 4, height: 4 },
        pixels: 16,
        score: expect.closeTo(Math.log(2), 6),
      },
    ]);
  });

  test('suppresses what overlaps and keeps what merely touches', async () => {
    // Columns 0 to 7 of 12×4 are uncertain: windows at 0, …, 4 are equal; 0 is kept, then 4, which touches it.
    const pool = fakePool([{ scene: 's', id: 'a', p: spots(12, 4, (x) => x < 8) }], { width: 12, height: 4 });
    const ranked = await ranking(pool);
    expect(places(ranked)).toEqual([
      { frame: 'a', left: 0, top: 0 },
      { frame: 'a', left: 4, top: 0 },
    ]);
    for (const { score } of ranked) expect(score).toBeCloseTo(16 * Math.log(2), 5);
  });

  test('labelled pixels have no entropy and are not counted', async () => {
    const labelled = Array.from({ length: 48 }, (_, i) => (i % 12 < 6 ? 1 : 0));
    const pool = fakePool([{ scene: 's', id: 'a', p: spots(12, 4, (x) => x < 8), labelled }], {
      width: 12,
      height: 4,
    });
    // Columns 6 and 7 are left; the leftmost window that holds both starts at 4.
    const ranked = await ranking(pool);
    expect(places(ranked)).toEqual([{ frame: 'a', left: 4, top: 0 }]);
    expect(ranked[0].pixels).toBe(8);
    expect(ranked[0].score).toBeCloseTo(8 * Math.log(2), 5);
  });

  test('windows of all frames are ranked together, and equals by scene, frame, top and left', async () => {
    const all = spots(4, 8, () => true);
    const pool = fakePool(
      [
        { scene: 't', id: '0', p: all },
        { scene: 's', id: '1', p: spots(4, 8, (_, y) => y === 0) },
        { scene: 's', id: '0', p: all },
      ],
      { width: 4, height: 8, arrival: 2 },
    );
    expect(
      (await ranking(pool)).map(({ region: { scene, frame, top } }) => `${scene}/${frame} ${top}`),
    ).toEqual(['s/0 0', 's/0 4', 't/0 0', 't/0 4', 's/1 0']);
  });

  test('a sure frame has no windows', async () => {
    const pool = fakePool([{ scene: 's', id: 'a', p: spots(8, 8, () => false) }], { width: 8, height: 8 });
    expect(await ranking(pool)).toEqual([]);
  });

  /** What the docstring says, slowly: all sums anew, all positions compared, pixel by pixel. */
  function bruteForce(frame: FakeFrame, width: number, height: number) {
    const side = windowSide({ width, height });
    const values = Array.from(toHalves(Float32Array.from(frame.p!)), (half) => halfValues()[half]);
    const entropy = (i: number) => {
      if (frame.labelled![i] === 1) return 0;
      const [p, q] = values.slice(2 * i, 2 * i + 2);
      const h = (x: number) => (x === 0 ? 0 : x * Math.log(Math.max(x, 1e-8)));
      return Math.round((-h(p) - h(q)) * 2 ** 24);
    };
    const pixelsOf = (left: number, top: number) => {
      const pixels: number[] = [];
      for (let y = top; y < top + side; y++)
        for (let x = left; x < left + side; x++) pixels.push(y * width + x);
      return pixels;
    };
    let left: { left: number; top: number; pixels: number[]; sum: number }[] = [];
    for (let y = 0; y + side <= height; y++)
      for (let x = 0; x + side <= width; x++) {
        const pixels = pixelsOf(x, y);
        left.push({ left: x, top: y, pixels, sum: pixels.reduce((sum, i) => sum + entropy(i), 0) });
      }
    const kept: typeof left = [];
    for (;;) {
      left = left.filter(({ sum }) => sum > 0);
      if (left.length === 0) return kept;
      const most = Math.max(...left.map(({ sum }) => sum));
      const best = left.find(({ sum }) => sum === most)!;
      kept.push(best);
      const taken = new Set(best.pixels);
      left = left.filter(({ pixels }) => !pixels.some((i) => taken.has(i)));
    }
  }

  test('agrees with brute force; windows are disjoint, inside the frame, and never wholly labelled', async () => {
    const frame = (width: number, height: number) =>
      fc.record({
        // Few levels, so that windows tie often.
        p: fc.array(fc.constantFrom(0, 0.03, 0.2, 0.5), {
          minLength: width * height,
          maxLength: width * height,
        }),
        labelled: fc.array(fc.constantFrom(0, 0, 1), {
          minLength: width * height,
          maxLength: width * height,
        }),
      });
    const cases = fc
      .tuple(fc.integer({ min: 2, max: 14 }), fc.integer({ min: 2, max: 12 }))
      .chain(([width, height]) =>
        fc.record({
          width: fc.constant(width),
          height: fc.constant(height),
          frames: fc.array(frame(width, height), { minLength: 1, maxLength: 3 }),
        }),
      );
    await fc.assert(
      fc.asyncProperty(cases, fc.integer({ min: 0, max: 99 }), async ({ width, height, frames }, arrival) => {
        const given: FakeFrame[] = frames.map(({ p, labelled }, i) => ({
          scene: 's',
          id: `${i}`,
          p: p.flatMap((q) => [q, 1 - q]),
          labelled,
        }));
        const ranked = await ranking(fakePool(given, { width, height, arrival }));
        for (const one of given) {
          const expected = bruteForce(one, width, height).map(({ left, top, pixels, sum }) => ({
            left,
            top,
            pixels: pixels.filter((i) => one.labelled![i] === 0).length,
            score: sum / 2 ** 24,
          }));
          const own = ranked.filter(({ region }) => region.frame === one.id);
          expect(
            own.map(({ region: { left, top }, pixels, score }) => ({ left, top, pixels, score })),
          ).toEqual(expected);
        }
        const taken = new Set<string>();
        let area = 0;
        for (const { region, pixels } of ranked) {
          expect(pixels).toBeGreaterThan(0);
          expect(region.left >= 0 && region.left + region.width <= width).toBe(true);
          expect(region.top >= 0 && region.top + region.height <= height).toBe(true);
          for (let y = region.top; y < region.top + region.height; y++)
            for (let x = region.left; x < region.left + region.width; x++)
              taken.add(`${region.frame} ${x} ${y}`);
          area += region.width * region.height;
        }
        expect(taken.size).toBe(area);
        for (let i = 1; i < ranked.length; i++)
          expect(ranked[i].score).toBeLessThanOrEqual(ranked[i - 1].score);
      }),
      { numRuns: 150 },
    );
  });
});
