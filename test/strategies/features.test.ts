import fc from 'fast-check';
import { firstValueFrom, take, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { coreSet } from '../../src/strategies/core-set.js';
import { mostRepresentative } from '../../src/strategies/most-representative.js';
import type { Candidate, Pool, Strategy } from '../../src/strategies/strategy.js';
import { type FakeFrame, fakePool } from './fake-pool.js';

const ranking = (strategy: Strategy, pool: Pool): Promise<Candidate[]> =>
  firstValueFrom(strategy.rank(pool).pipe(toArray()));

const ids = (candidates: readonly Candidate[]) => candidates.map(({ region }) => region.frame);

/** Small whole numbers, so that distances tie often and sums are exact. */
const points = fc.array(
  fc.record({
    features: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 2 }),
    labelled: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);

describe('CSET', () => {
  /** One-pixel frames on a line, named by where they lie. */
  const line = (at: readonly number[], labelled: readonly number[] = []) =>
    fakePool(
      at.map((x) => ({ scene: 's', id: `${x}`, features: [x], labelled: [labelled.includes(x) ? 1 : 0] })),
      { width: 1, height: 1 },
    );

  test('takes the farthest from all centres, then the farthest from those and it', async () => {
    const ranked = await ranking(coreSet, line([0, 1, 5, 9], [0]));
    expect(ids(ranked)).toEqual(['9', '5', '1']);
    expect(ranked.map(({ score }) => score)).toEqual([9, 4, 1]);
  });

  test('distances are Euclidean', async () => {
    const pool = fakePool(
      [
        { scene: 's', id: 'a', features: [0, 0], labelled: [1] },
        { scene: 's', id: 'b', features: [3, 4] },
        { scene: 's', id: 'c', features: [0, 4.5] },
      ],
      { width: 1, height: 1 },
    );
    const ranked = await ranking(coreSet, pool);
    expect(ids(ranked)).toEqual(['b', 'c']);
    expect(ranked[0].score).toBe(5);
    expect(ranked[1].score).toBeCloseTo(Math.hypot(3, 0.5), 12);
  });

  test('with nothing labelled the first frame is the first centre', async () => {
    const ranked = await ranking(coreSet, line([3, 4, 9]));
    expect(ids(ranked)).toEqual(['3', '9', '4']);
    expect(ranked.map(({ score }) => score)).toEqual([Number.POSITIVE_INFINITY, 6, 1]);
  });

  test('equal distances go to the earlier frame, and copies of a centre come last', async () => {
    const pool = fakePool(
      [
        { scene: 's', id: 'a', features: [0] },
        { scene: 's', id: 'b', features: [1] },
        { scene: 's', id: 'c', features: [-1] },
        { scene: 's', id: 'd', features: [0], labelled: [1] },
      ],
      { width: 1, height: 1, arrival: 5 },
    );
    expect(ids(await ranking(coreSet, pool))).toEqual(['b', 'c', 'a']);
  });

  test('frames labelled in part are centres and no candidates', async () => {
    const pool = fakePool(
      [
        { scene: 's', id: 'a', features: [0], labelled: [1, 0] },
        { scene: 's', id: 'b', features: [2], labelled: [0, 0] },
      ],
      { width: 2, height: 1 },
    );
    expect(await ranking(coreSet, pool)).toEqual([
      { region: { unit: 'image', scene: 's', frame: 'b' }, pixels: 2, score: 2 },
    ]);
  });

  test('takes no more than it is asked for', async () => {
    expect(ids(await firstValueFrom(coreSet.rank(line([0, 1, 5, 9], [0])).pipe(take(1), toArray())))).toEqual(
      ['9'],
    );
  });

  test('agrees with k-centre from its definition', async () => {
    await fc.assert(
      fc.asyncProperty(points, fc.integer({ min: 0, max: 99 }), async (all, arrival) => {
        const frames: FakeFrame[] = all.map(({ features, labelled }, i) => ({
          scene: i % 2 === 0 ? 'a' : 'b',
          id: `${i}`.padStart(2, '0'),
          features,
          labelled: [labelled ? 1 : 0],
        }));
        const byPlace = [
          ...frames.filter(({ scene }) => scene === 'a'),
          ...frames.filter(({ scene }) => scene === 'b'),
        ];
        const centres = byPlace.filter(({ labelled }) => labelled![0] === 1);
        const rest = byPlace.filter(({ labelled }) => labelled![0] === 0);
        const expected: { frame: string; score: number }[] = [];
        while (rest.length > 0) {
          const distances = rest.map(({ features }) =>
            Math.min(
              ...centres.map((c) =>
                Math.sqrt((c.features![0] - features![0]) ** 2 + (c.features![1] - features![1]) ** 2),
              ),
            ),
          );
          const score = Math.max(...distances);
          const [next] = rest.splice(distances.indexOf(score), 1);
          centres.push(next);
          expected.push({ frame: next.id, score });
        }
        const ranked = await ranking(coreSet, fakePool(frames, { width: 1, height: 1, arrival }));
        expect(ranked.map(({ region, score }) => ({ frame: region.frame, score }))).toEqual(expected);
        for (let i = 1; i < ranked.length; i++)
          expect(ranked[i].score).toBeLessThanOrEqual(ranked[i - 1].score);
      }),
      { numRuns: 200 },
    );
  });
});

describe('MREP', () => {
  // One pixel of two classes each; the nearer to a half, the more uncertain. b is like c and d, a and e are like none.
  const frames: readonly FakeFrame[] = [
    { scene: 's', id: 'a', p: [0.5, 0.5], features: [0, 1] },
    { scene: 's', id: 'b', p: [0.375, 0.625], features: [1, 0] },
    { scene: 's', id: 'c', p: [0.25, 0.75], features: [2, 0] },
    { scene: 's', id: 'd', p: [0.125, 0.875], features: [3, 0] },
    { scene: 's', id: 'e', p: [0.0625, 0.9375], features: [-1, 0] },
  ];

  test('of the 2K most uncertain it takes what is most like the pool, then the rest by entropy', async () => {
    const ranked = await ranking(mostRepresentative, fakePool(frames, { width: 1, height: 1, images: 1 }));
    // Of a and b; b has cosine 1 with b, c, d, 0 with a, −1 with e.
    expect(ids(ranked)).toEqual(['b', 'a', 'c', 'd', 'e']);
    // Each term from −1: 2 + 2 + 2 + 1 + 0, plus the highest entropy, ln 2.
    expect(ranked[0].score).toBeCloseTo(7 + Math.log(2), 12);
    expect(ranked[1].score).toBeCloseTo(Math.log(2), 12);
  });

  test('what is represented already gains nothing', async () => {
    // Of a, b, c and d: b first, of three equals the most uncertain; then a, which has 1 for itself and 0 for e.
    const ranked = await ranking(mostRepresentative, fakePool(frames, { width: 1, height: 1, images: 2 }));
    expect(ids(ranked)).toEqual(['b', 'a', 'c', 'd', 'e']);
    expect(ranked[1].score).toBeCloseTo(1 + 1 + Math.log(2), 12);
  });

  test('parts of images round up, and labelled frames neither represent nor are represented', async () => {
    const labelled = frames.map((frame) =>
      frame.id === 'c' || frame.id === 'd' ? { ...frame, labelled: [1] } : frame,
    );
    const ranked = await ranking(
      mostRepresentative,
      fakePool(labelled, { width: 1, height: 1, images: 0.2 }),
    );
    // a: 2 + 1 + 1; b: 1 + 2 + 0.
    expect(ids(ranked)).toEqual(['a', 'b', 'e']);
    expect(ranked[0].score).toBeCloseTo(4 + Math.log(2), 12);
  });

  test('agrees with the greedy choice from its definition', async () => {
    await fc.assert(
      fc.asyncProperty(
        points,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 99 }),
        async (all, images, arrival) => {
          const pool = all.map(({ features, labelled }, i): FakeFrame => {
            const p = ((i * 7) % 13) / 32;
            return {
              scene: 's',
              id: `${i}`.padStart(2, '0'),
              features,
              p: [p, 1 - p],
              labelled: [labelled ? 1 : 0],
            };
          });
          const cos = (a: FakeFrame, b: FakeFrame) => {
            const norms = Math.hypot(...a.features!) * Math.hypot(...b.features!);
            return norms === 0
              ? 0
              : (a.features![0] * b.features![0] + a.features![1] * b.features![1]) / norms;
          };
          const unlabelled = pool.filter(({ labelled }) => labelled![0] === 0);
          const represented = (chosen: readonly FakeFrame[]) =>
            unlabelled.reduce((sum, j) => sum + Math.max(...chosen.map((i) => cos(i, j))), 0);
          const shortlist = [...unlabelled].sort((a, b) => b.p![0] - a.p![0]).slice(0, 2 * images);
          const ranked = await ranking(
            mostRepresentative,
            fakePool(pool, { width: 1, height: 1, images, arrival }),
          );
          expect(ids(ranked).sort()).toEqual(unlabelled.map(({ id }) => id).sort());
          const chosen: FakeFrame[] = [];
          for (const { region } of ranked.slice(0, images)) {
            const next = shortlist.find(({ id }) => id === region.frame)!;
            const best = Math.max(
              ...shortlist.filter((one) => !chosen.includes(one)).map((one) => represented([...chosen, one])),
            );
            chosen.push(next);
            expect(represented(chosen)).toBeCloseTo(best, 9);
          }
          const rest = ranked
            .slice(images)
            .map(({ region }) => pool.find(({ id }) => id === region.frame)!.p![0]);
          expect(rest).toEqual([...rest].sort((a, b) => b - a));
          for (let i = 1; i < ranked.length; i++)
            expect(ranked[i].score).toBeLessThanOrEqual(ranked[i - 1].score + 1e-9);
        },
      ),
      { numRuns: 200 },
    );
  });
});
