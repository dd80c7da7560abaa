import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { IGNORE } from '../../src/frame.js';
import { OverlapIndex } from '../../src/selection/overlap-index.js';
import type { Surfaces } from '../../src/selection/surfaces.js';
import { findStrategy } from '../../src/strategies/index.js';
import type { Candidate, Pool, Strategy } from '../../src/strategies/strategy.js';
import { type FakeFrame, fakePool } from './fake-pool.js';

const ranking = (strategy: Strategy, pool: Pool): Promise<Candidate[]> =>
  firstValueFrom(strategy.rank(pool).pipe(toArray()));

const WIDTH = 6;
const HEIGHT = 5;
const AREA = WIDTH * HEIGHT;

/** Frames of two scenes, some labelled in whole or in part; probabilities of few levels, so that scores tie. */
const framesOf = fc
  .array(
    fc.record({
      scene: fc.constantFrom('a', 'b'),
      p: fc.array(fc.constantFrom(0, 0.001, 0.25, 0.5), { minLength: AREA, maxLength: AREA }),
      labelled: fc.oneof(
        fc.constant(new Array<number>(AREA).fill(0)),
        fc.constant(new Array<number>(AREA).fill(1)),
        fc.array(fc.constantFrom(0, 1), { minLength: AREA, maxLength: AREA }),
      ),
      features: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 2, maxLength: 2 }),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .map((frames) =>
    frames.map(
      ({ p, ...frame }, i): FakeFrame => ({ ...frame, id: `${i}`, p: p.flatMap((q) => [q, 1 - q]) }),
    ),
  );

/** Every frame's halves, upper and lower, as superpixels. */
function surfacesOf(frames: readonly FakeFrame[]): Surfaces[] {
  return [...new Set(frames.map(({ scene }) => scene))].sort().map((scene) => ({
    scene,
    overlaps: new OverlapIndex(),
    candidates: frames
      .filter((frame) => frame.scene === scene)
      .flatMap(({ id, labelled }) =>
        [0, 1].map((superpixel) => ({
          frame: id,
          superpixel,
          pixels: labelled!.filter((one, i) => one === 0 && Math.trunc((2 * i) / AREA) === superpixel).length,
          scoredPixels: 1,
          viewEntropy: 0,
          viewDivergence: 0,
          meanP: new Float32Array(2),
        })),
      )
      .filter(({ pixels }) => pixels > 0)
      .map((candidate, number) => ({ ...candidate, number })),
  }));
}

/** Indices of a region's pixels in its frame. */
function pixelsOf({ region }: Candidate): number[] {
  const all = Array.from({ length: AREA }, (_, i) => i);
  if (region.unit === 'image') return all;
  if (region.unit === 'superpixel')
    return all.filter((i) => Math.trunc((2 * i) / AREA) === region.superpixel);
  return all.filter((i) => {
    const x = (i % WIDTH) - region.left;
    const y = Math.trunc(i / WIDTH) - region.top;
    return x >= 0 && x < region.width && y >= 0 && y < region.height;
  });
}

describe.each(['rand', 'rand+spx', 'mar', 'conf', 'ent', 'mcdr', 'rmcdr', 'cset', 'mrep', 'ceal'])(
  '%s',
  (name) => {
    const strategy = findStrategy(name);

    test('ranks what is not labelled, nothing twice, best first; the same for any order of arrival', async () => {
      await fc.assert(
        fc.asyncProperty(framesOf, fc.integer({ min: 1, max: 999 }), async (frames, arrival) => {
          const pool = (order: number) =>
            fakePool(frames, {
              width: WIDTH,
              height: HEIGHT,
              images: 2,
              arrival: order,
              surfaces: surfacesOf(frames),
            });
          const ranked = await ranking(strategy, pool(0));
          expect(await ranking(strategy, pool(0))).toEqual(ranked);
          expect(await ranking(strategy, pool(arrival))).toEqual(ranked);

          const taken = new Set<string>();
          for (const candidate of ranked) {
            const { unit, scene, frame } = candidate.region;
            expect(unit).toBe(strategy.unit);
            const { labelled } = frames.find((one) => one.scene === scene && one.id === frame)!;
            const left = pixelsOf(candidate).filter((i) => labelled![i] === 0);
            expect(candidate.pixels).toBe(left.length);
            expect(left.length).toBeGreaterThan(0);
            for (const i of left) {
              expect(taken.has(`${scene}/${frame} ${i}`)).toBe(false);
              taken.add(`${scene}/${frame} ${i}`);
            }
          }
          for (let i = 1; i < ranked.length; i++)
            expect(ranked[i].score).toBeLessThanOrEqual(ranked[i - 1].score + 1e-9);
        }),
        { numRuns: 60 },
      );
    });

    test('an empty pool has an empty ranking', async () => {
      expect(await ranking(strategy, fakePool([], { width: WIDTH, height: HEIGHT, surfaces: [] }))).toEqual(
        [],
      );
    });
  },
);

test('pseudo-labels lie on pixels that nobody has labelled, whatever the order of arrival', async () => {
  const pseudoLabels = findStrategy('ceal').pseudoLabels!;
  await fc.assert(
    fc.asyncProperty(framesOf, fc.integer({ min: 1, max: 999 }), async (frames, arrival) => {
      const all = await firstValueFrom(
        pseudoLabels(fakePool(frames, { width: WIDTH, height: HEIGHT, arrival })).pipe(toArray()),
      );
      const expected = frames.filter(({ p, labelled }) =>
        labelled!.some((one, i) => one === 0 && p![2 * i] <= 0.001),
      );
      expect(all.map(({ frame }) => frame).sort()).toEqual(expected.map(({ id }) => id).sort());
      for (const { frame, labels } of all) {
        const { p, labelled } = frames.find(({ id }) => id === frame)!;
        expect([...labels]).toEqual(
          Array.from(labels, (_, i) => (labelled![i] === 0 && p![2 * i] <= 0.001 ? 1 : IGNORE)),
        );
      }
    }),
    { numRuns: 60 },
  );
});

test('the strategy that CONTRIBUTING.md adds is one file, and ranks as it says', async () => {
  const section = /## Adding a strategy\n([\s\S]*?)\n## /.exec(
    await readFile('CONTRIBUTING.md', 'utf8'),
  )?.[1];
  const code = /```ts\n([\s\S]*?)```/.exec(section ?? '')?.[1];
  expect(code).toBeDefined();
  expect(code!.trim().split('\n').length).toBeLessThanOrEqual(25);
  // Inside the project, with imports from where the file would lie.
  const folder = await mkdtemp(resolve('test', '.readme-'));
  try {
    const file = join(folder, 'gini.ts');
    await writeFile(
      file,
      code!
        .replaceAll("from './", "from '../../src/strategies/")
        .replaceAll("from '../model", "from '../../src/model"),
    );
    const { gini } = (await import(file)) as { gini: Strategy };
    const pool = fakePool(
      [
        { scene: 's', id: 'a', p: [1, 0, 0.5, 0.5] },
        { scene: 's', id: 'b', p: [0.75, 0.25, 0.5, 0.5] },
      ],
      { width: 2, height: 1 },
    );
    expect(await ranking(gini, pool)).toEqual([
      { region: { unit: 'image', scene: 's', frame: 'b' }, pixels: 2, score: (0.375 + 0.5) / 2 },
      { region: { unit: 'image', scene: 's', frame: 'a' }, pixels: 2, score: (0 + 0.5) / 2 },
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
