import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { IGNORE } from '../../src/frame.js';
import { OverlapIndex } from '../../src/selection/overlap-index.js';
import type { Surfaces } from '../../src/selection/surfaces.js';
import { ceal, pseudoLabelThreshold } from '../../src/strategies/ceal.js';
import { confidence } from '../../src/strategies/confidence.js';
import { entropy } from '../../src/strategies/entropy.js';
import { findStrategy, STRATEGIES } from '../../src/strategies/index.js';
import { margin } from '../../src/strategies/margin.js';
import { mcDropoutEntropy } from '../../src/strategies/mc-dropout-entropy.js';
import { randomImages } from '../../src/strategies/random.js';
import { randomSuperpixels } from '../../src/strategies/random-superpixels.js';
import type { Candidate, Pool, Strategy } from '../../src/strategies/strategy.js';
import { type FakeFrame, fakePool } from './fake-pool.js';

const ranking = (strategy: Strategy, pool: Pool): Promise<Candidate[]> =>
  firstValueFrom(strategy.rank(pool).pipe(toArray()));

const names = (candidates: readonly Candidate[]) =>
  candidates.map(({ region }) => `${region.scene}/${region.frame}`);

/**
 * Two pixels of three classes, in sixteenths and eighths, which halves bear exactly. The three orders differ:
 *
 *     frame   pixel 0            pixel 1             mean margin     mean best   mean entropy
 *     a       1/2  1/2  0        1/2  1/2  0         0               1/2         ln 2 = 0.693
 *     b       1/2  1/4  1/4      1/2  1/4  1/4       1/4             1/2         1.5 ln 2 = 1.040
 *     c       7/16 7/16 1/8      1    0    0         (0 + 1) / 2     23/32       0.983 / 2 = 0.492
 */
const frames: readonly FakeFrame[] = [
  { scene: 's', id: 'a', p: [1 / 2, 1 / 2, 0, 1 / 2, 1 / 2, 0] },
  { scene: 's', id: 'b', p: [1 / 2, 1 / 4, 1 / 4, 1 / 2, 1 / 4, 1 / 4] },
  { scene: 's', id: 'c', p: [7 / 16, 7 / 16, 1 / 8, 1, 0, 0] },
];
const size = { width: 2, height: 1, classes: 3 };

describe('images by the mean of a pixel', () => {
  test('MAR takes the least margin', async () => {
    const ranked = await ranking(margin, fakePool(frames, size));
    expect(names(ranked)).toEqual(['s/a', 's/b', 's/c']);
    expect(ranked.map(({ score }) => score)).toEqual([0, -1 / 4, -1 / 2]);
  });

  test('CONF takes the least confidence, ties to the earlier frame', async () => {
    const ranked = await ranking(confidence, fakePool(frames, size));
    expect(names(ranked)).toEqual(['s/a', 's/b', 's/c']);
    expect(ranked.map(({ score }) => score)).toEqual([-1 / 2, -1 / 2, -23 / 32]);
  });

  test.each([entropy, mcDropoutEntropy, ceal])('$name takes the highest entropy', async (strategy) => {
    const ranked = await ranking(strategy, fakePool(frames, size));
    expect(names(ranked)).toEqual(['s/b', 's/a', 's/c']);
    const c = -(7 / 8) * Math.log(7 / 16) - (1 / 8) * Math.log(1 / 8);
    const expected = [1.5 * Math.log(2), Math.log(2), c / 2];
    ranked.forEach(({ score }, i) => {
      expect(score).toBeCloseTo(expected[i], 12);
    });
  });

  test('only MC-dropout strategies ask for dropout', () => {
    const asking = STRATEGIES.filter(({ dropout }) => dropout).map(({ name }) => name);
    expect(asking).toEqual(expect.arrayContaining(['mcdr', 'rmcdr', 'mrep']));
    for (const name of ['rand', 'mar', 'conf', 'ent', 'ceal', 'cset']) expect(asking).not.toContain(name);
  });

  test('labelled pixels count neither in the mean nor in what is left, and labelled frames are left out', async () => {
    const pool = fakePool(
      [
        // Its sure pixel is labelled: as uncertain as if it had the other one alone.
        { scene: 's', id: 'half', p: [1, 0, 0.5, 0.5], labelled: [1, 0] },
        { scene: 's', id: 'none', p: [0.75, 0.25, 0.5, 0.5] },
        { scene: 's', id: 'whole', p: [0.5, 0.5, 0.5, 0.5], labelled: [1, 1] },
      ],
      { width: 2, height: 1 },
    );
    for (const strategy of [margin, confidence, entropy, mcDropoutEntropy]) {
      const ranked = await ranking(strategy, pool);
      expect(names(ranked)).toEqual(['s/half', 's/none']);
      expect(ranked.map(({ pixels }) => pixels)).toEqual([1, 2]);
    }
  });

  test('scenes are ranked together; equals by scene, then frame', async () => {
    const pool = fakePool(
      [
        { scene: 'b', id: '1' },
        { scene: 'a', id: '2' },
        { scene: 'a', id: '10' },
        { scene: 'b', id: '0', p: [1, 0] },
      ],
      { width: 1, height: 1, arrival: 3 },
    );
    expect(names(await ranking(entropy, pool))).toEqual(['a/10', 'a/2', 'b/1', 'b/0']);
  });

  test('a pixel with a class of probability 0, or below the clamp, has finite entropy', async () => {
    const [{ score }] = await ranking(
      entropy,
      fakePool([{ scene: 's', id: 'a', p: [1, 0] }], { width: 1, height: 1 }),
    );
    expect(score).toBeCloseTo(0, 12);
  });
});

describe('CEAL', () => {
  const half = Math.log(2);
  // Entropies in nats: 0, 0.0181 (P = 0.0026 of the other class), 0.0204 (0.003), ln 2.
  const p = [1, 0, 0.0026, 0.9974, 0.003, 0.997, 0.5, 0.5];
  const H = (q: number) => -q * Math.log(q) - (1 - q) * Math.log(1 - q);

  test('gives pixels under the threshold their class, and no others', async () => {
    const bits = [H(0.0026), H(0.003), half].map((nats) => nats / Math.LN2);
    expect(bits.map((h) => h < 0.0275)).toEqual([true, false, false]);
    const pool = fakePool([{ scene: 's', id: 'a', p }], { width: 4, height: 1 });
    const labels = await firstValueFrom(ceal.pseudoLabels!(pool));
    expect(labels.scene).toBe('s');
    expect(labels.frame).toBe('a');
    expect([...labels.labels]).toEqual([0, 1, IGNORE, IGNORE]);
  });

  test('the threshold falls each round, to 0, from where on there are none', async () => {
    const bits = (round: number) => pseudoLabelThreshold(round) / Math.LN2;
    expect(bits(0)).toBeCloseTo(0.0275, 12);
    expect(bits(1)).toBeCloseTo(0.025685, 12);
    expect(bits(15)).toBeCloseTo(0.000275, 12);
    expect(pseudoLabelThreshold(16)).toBe(0);
    const at = (round: number) =>
      firstValueFrom(
        ceal.pseudoLabels!(fakePool([{ scene: 's', id: 'a', p }], { width: 4, height: 1, round })).pipe(
          toArray(),
        ),
      );
    expect([...(await at(1))[0].labels]).toEqual([0, IGNORE, IGNORE, IGNORE]);
    expect(await at(16)).toEqual([]);
  });

  test('never where a person has labelled, and no frame without any', async () => {
    const pool = fakePool(
      [
        { scene: 's', id: 'a', p, labelled: [1, 0, 0, 0] },
        { scene: 's', id: 'b', p, labelled: [1, 1, 0, 0] },
        { scene: 's', id: 'c', p, labelled: [1, 1, 1, 1] },
      ],
      { width: 4, height: 1 },
    );
    const all = await firstValueFrom(ceal.pseudoLabels!(pool).pipe(toArray()));
    expect(all.map(({ frame }) => frame)).toEqual(['a']);
    expect([...all[0].labels]).toEqual([IGNORE, 1, IGNORE, IGNORE]);
  });
});

describe('random', () => {
  const many = Array.from({ length: 40 }, (_, i) => ({ scene: `s${i % 3}`, id: `${i}`.padStart(2, '0') }));

  test('RAND is a permutation that the seed decides, and asks nothing of the network', async () => {
    const never = () => {
      throw new Error('asked the network');
    };
    const pool = (seed: number): Pool => ({
      ...fakePool(many, { width: 1, height: 1, seed }),
      views: never,
      features: never,
    });
    const first = names(await ranking(randomImages, pool(1)));
    expect([...first].sort()).toEqual(pool(1).frames.map(({ scene, id }) => `${scene}/${id}`));
    expect(names(await ranking(randomImages, pool(1)))).toEqual(first);
    expect(names(await ranking(randomImages, pool(2)))).not.toEqual(first);
    expect(first).not.toEqual([...first].sort());
  });

  test('RAND draws every frame first about equally often', async () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 3000; seed++) {
      const pool = fakePool(many.slice(0, 3), { width: 1, height: 1, seed });
      const [first] = names(await ranking(randomImages, pool));
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    // 1000 expected, standard deviation 26.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(130);
    expect(counts.size).toBe(3);
  });

  test('RAND leaves labelled frames out and counts what is left of others', async () => {
    const ranked = await ranking(
      randomImages,
      fakePool(
        [
          { scene: 's', id: 'a', labelled: [1, 1] },
          { scene: 's', id: 'b', labelled: [0, 1] },
        ],
        { width: 2, height: 1 },
      ),
    );
    expect(ranked.map(({ region, pixels }) => [region.frame, pixels])).toEqual([['b', 1]]);
  });

  test('RAND+Spx mixes the superpixels of all scenes', async () => {
    const surfaces = ['a', 'b'].map(
      (scene): Surfaces => ({
        scene,
        overlaps: new OverlapIndex(),
        candidates: Array.from({ length: 30 }, (_, number) => ({
          number,
          frame: `${Math.floor(number / 10)}`,
          superpixel: number % 10,
          pixels: number + 1,
          scoredPixels: 1,
          viewEntropy: 0,
          viewDivergence: 0,
          meanP: new Float32Array(2),
        })),
      }),
    );
    const pool = (seed: number) => fakePool([], { width: 1, height: 1, seed, surfaces });
    const ranked = await ranking(randomSuperpixels, pool(1));
    const keys = ranked.map(({ region, pixels }) => JSON.stringify({ region, pixels }));
    expect(new Set(keys).size).toBe(60);
    expect(new Set(ranked.slice(0, 20).map(({ region }) => region.scene))).toEqual(new Set(['a', 'b']));
    for (const { region, pixels } of ranked)
      expect(region.unit === 'superpixel' && Number(region.frame) * 10 + region.superpixel + 1).toBe(pixels);
    expect(await ranking(randomSuperpixels, pool(1))).toEqual(ranked);
    expect(await ranking(randomSuperpixels, pool(2))).not.toEqual(ranked);
  });
});

describe('names', () => {
  test('every strategy is found by its name, and no two share one', () => {
    for (const strategy of STRATEGIES) expect(findStrategy(strategy.name)).toBe(strategy);
    expect(new Set(STRATEGIES.map(({ name }) => name)).size).toBe(STRATEGIES.length);
    for (const name of ['rand', 'mar', 'conf', 'ent', 'mcdr', 'rmcdr', 'cset', 'mrep', 'ceal'])
      expect(findStrategy(name).name).toBe(name);
  });

  test('an unknown name is answered with those there are', () => {
    expect(() => findStrategy('best')).toThrow(UserError);
    expect(() => findStrategy('best')).toThrow(/expected one of rand, .*ceal.*got "best"/);
  });
});
