import fc from 'fast-check';
import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { IGNORE } from '../../src/frame.js';
import { random } from '../../src/random.js';
import { OverlapIndex } from '../../src/selection/overlap-index.js';
import type { SurfaceCandidate, Surfaces } from '../../src/selection/surfaces.js';
import type { Consensus } from '../../src/store/consensus.js';
import { findStrategy } from '../../src/strategies/index.js';
import type { Candidate, Pool, PseudoLabels } from '../../src/strategies/strategy.js';
import { type FakeFrame, fakePool } from './fake-pool.js';

const ranking = (name: string, pool: Pool): Promise<Candidate[]> =>
  firstValueFrom(findStrategy(name).rank(pool).pipe(toArray()));

/** A superpixel: voxels it covers, and what it says. */
interface Superpixel {
  readonly voxels: readonly number[];
  readonly entropy: number;
  readonly divergence?: number;
  readonly p: readonly number[];
  readonly pixels?: number;
}

/** Surfaces of a scene whose frames have these superpixels, all of them candidates. */
function surfacesOf(scene: string, frames: Readonly<Record<string, readonly Superpixel[]>>): Surfaces {
  const overlaps = new OverlapIndex();
  const candidates: SurfaceCandidate[] = [];
  for (const [frame, superpixels] of Object.entries(frames)) {
    const rows = superpixels.flatMap(({ voxels }) => voxels);
    const rowStart = Uint32Array.from([0, ...superpixels.keys()], (_, i) =>
      superpixels.slice(0, i).reduce((sum, { voxels }) => sum + voxels.length, 0),
    );
    const first = overlaps.add(
      {
        superpixels: superpixels.length,
        rowStart,
        voxel: Uint32Array.from(rows, (_, i) => i),
        pixels: new Uint32Array(rows.length).fill(1),
      },
      Uint32Array.from(rows),
    );
    superpixels.forEach(({ entropy, divergence = 0, p, pixels = 1 }, superpixel) => {
      candidates.push({
        ...{ number: first + superpixel, frame, superpixel, pixels, scoredPixels: 1 },
        ...{ viewEntropy: entropy, viewDivergence: divergence, meanP: Float32Array.from(p) },
      });
    });
  }
  return { scene, candidates, overlaps };
}

const poolOf = (surfaces: readonly Surfaces[], classes: number) =>
  fakePool([], { width: 1, height: 1, classes, surfaces });

const taken = (ranked: readonly Candidate[]) =>
  ranked.map(({ region }) => [
    region.scene,
    region.frame,
    region.unit === 'superpixel' ? region.superpixel : undefined,
  ]);

describe('ViewAL', () => {
  const surfaces = [
    surfacesOf('a', {
      0: [
        { voxels: [0, 1], entropy: 0.5, divergence: 0.1, p: [1, 0] },
        { voxels: [2], entropy: 0.25, p: [1, 0] },
      ],
      1: [{ voxels: [0, 1], entropy: 0.375, divergence: 0.2, p: [1, 0] }],
    }),
    surfacesOf('b', { 0: [{ voxels: [0], entropy: 0.375, p: [1, 0] }] }),
  ];

  test('asks for the view that diverges most, in the place of the trigger', async () => {
    const ranked = await ranking('viewal', poolOf(surfaces, 2));
    expect(taken(ranked)).toEqual([
      ['a', '1', 0],
      ['b', '0', 0],
      ['a', '0', 1],
    ]);
    expect(ranked.map(({ score }) => score)).toEqual([0.5, 0.375, 0.25]);
  });

  test('its ablation asks for the trigger itself', async () => {
    expect(taken(await ranking('ve+spx', poolOf(surfaces, 2)))[0]).toEqual(['a', '0', 0]);
  });
});

describe('ViewAL, balanced', () => {
  test('by hand: weights are one over the root of the share expected in the pool', async () => {
    // 64 pixels: class 0 is expected on 32 + 16 = 48 of them, class 1 on 12, class 2 on 4, class 3 on none.
    const surfaces = [
      surfacesOf('a', {
        0: [
          { voxels: [0], entropy: 0.8, p: [1, 0, 0, 0], pixels: 32 },
          { voxels: [1], entropy: 0.6, p: [0.5, 0.375, 0.125, 0], pixels: 32 },
        ],
      }),
    ];
    const [rare, common] = await ranking('viewal+balance', poolOf(surfaces, 4));
    expect(taken([rare, common])).toEqual([
      ['a', '0', 1],
      ['a', '0', 0],
    ]);
    const weights = [48, 12, 4].map((pixels) => Math.sqrt(64 / pixels));
    expect(common.score).toBeCloseTo(0.8 * weights[0], 12);
    expect(rare.score).toBeCloseTo(0.6 * (0.5 * weights[0] + 0.375 * weights[1] + 0.125 * weights[2]), 12);
    expect([rare.pixels, common.pixels]).toEqual([32, 32]);
    // ViewAL has them the other way round.
    expect(taken(await ranking('viewal', poolOf(surfaces, 4)))[0]).toEqual(['a', '0', 0]);
  });

  test('shares are those of the whole pool, not of a scene', async () => {
    // Class 1 is rare in scene a and common in all: its superpixel there gains nothing.
    const surfaces = [
      surfacesOf('a', {
        0: [
          { voxels: [0], entropy: 0.5, p: [1, 0], pixels: 9 },
          { voxels: [1], entropy: 0.4, p: [0, 1], pixels: 1 },
        ],
      }),
      surfacesOf('b', { 0: [{ voxels: [0], entropy: 0.3, p: [0, 1], pixels: 90 }] }),
    ];
    const ranked = await ranking('viewal+balance', poolOf(surfaces, 2));
    expect(taken(ranked)).toEqual([
      ['a', '0', 0],
      ['a', '0', 1],
      ['b', '0', 0],
    ]);
    expect(ranked[0].score).toBeCloseTo(0.5 * Math.sqrt(100 / 9), 12);
    expect(ranked[2].score).toBeCloseTo(0.3 * Math.sqrt(100 / 91), 12);
  });

  test('where all classes are expected alike it ranks as ViewAL', async () => {
    const superpixel = fc.record({ entropy: fc.integer({ min: 0, max: 8 }), divergence: fc.nat(8) });
    await fc.assert(
      fc.asyncProperty(fc.array(superpixel, { minLength: 1, maxLength: 12 }), async (all) => {
        const surfaces = [
          surfacesOf('a', { 0: all.map((one, i) => ({ ...one, voxels: [i % 5], p: [0.5, 0.5] })) }),
        ];
        const balanced = await ranking('viewal+balance', poolOf(surfaces, 2));
        const plain = await ranking('viewal', poolOf(surfaces, 2));
        expect(taken(balanced)).toEqual(taken(plain));
        balanced.forEach(({ score }, i) => {
          expect(score).toBeCloseTo(plain[i].score * Math.SQRT2, 6);
        });
      }),
      { numRuns: 50 },
    );
  });

  test('stays finite with classes that have hardly any share', async () => {
    const surfaces = [
      surfacesOf('a', {
        0: [
          { voxels: [0], entropy: 1, p: [1, 1e-38, 0] },
          { voxels: [1], entropy: 1, p: [1, 0, 0], pixels: 1e6 },
        ],
      }),
    ];
    const ranked = await ranking('viewal+balance', poolOf(surfaces, 3));
    for (const { score } of ranked) expect(score).toBeCloseTo(1, 6);
    expect(await ranking('viewal+balance', poolOf([], 3))).toEqual([]);
  });
});

describe('ViewAL with pseudo-labels', () => {
  const pseudoLabels = (frames: readonly FakeFrame[], width: number, arrival = 0): Promise<PseudoLabels[]> =>
    firstValueFrom(
      findStrategy('viewal+agree').pseudoLabels!(
        fakePool(frames, { width, height: 1, classes: 3, arrival }),
      ).pipe(toArray()),
    );
  const consensusOf = (...pixels: readonly (readonly [number, number, number])[]): Consensus => ({
    views: Uint16Array.from(pixels, ([views]) => views),
    label: Uint8Array.from(pixels, ([, label]) => label),
    confidence: Float32Array.from(pixels, ([, , confidence]) => confidence),
  });

  test('by hand: of what enough views see, the surest fifth of each class, if it is sure enough', async () => {
    const consensus = consensusOf(
      // Class 1: ten pixels that three views see, of which the surest two are taken; two see another, one is labelled.
      ...[0.95, 0.9, 0.85, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8].map((p) => [3, 1, p] as const),
      ...([
        [2, 1, 1],
        [60, 1, 1],
      ] as const),
      // Class 0: a fifth of two pixels is one, and as many as are as sure.
      ...([
        [9, 0, 0.75],
        [3, 0, 0.75],
      ] as const),
      // Class 2: the surest is not sure. No view, no label.
      ...([
        [9, 2, 0.6],
        [0, 0, 0],
      ] as const),
    );
    const labelled = new Array<number>(16).fill(0).with(11, 1);
    const all = await pseudoLabels([{ scene: 's', id: 'a', labelled, consensus }], 16);
    expect(all.map(({ scene, frame }) => [scene, frame])).toEqual([['s', 'a']]);
    const given = [...all[0].labels.entries()].filter(([, label]) => label !== IGNORE);
    expect(given).toEqual([
      [0, 1],
      [1, 1],
      [12, 0],
      [13, 0],
    ]);
  });

  test('the surest of all frames, not of each', async () => {
    const frames: FakeFrame[] = [
      { scene: 's', id: 'a', consensus: consensusOf([3, 0, 0.875], [3, 0, 0.875]) },
      { scene: 't', id: 'a', consensus: consensusOf([3, 0, 0.9375], [3, 0, 0.75]) },
    ];
    for (const arrival of [0, 1, 2]) {
      const all = await pseudoLabels(frames, 2, arrival);
      expect(all.map(({ scene, labels }) => [scene, ...labels])).toEqual([['t', 0, IGNORE]]);
    }
  });

  test('a frame without any is left out, as is one that is wholly labelled; in any order of arrival', async () => {
    const sure = consensusOf([60, 1, 1]);
    const frames: FakeFrame[] = [
      { scene: 's', id: 'a', consensus: sure },
      { scene: 's', id: 'b' },
      { scene: 's', id: 'c', labelled: [1], consensus: sure },
      { scene: 't', id: 'a', consensus: sure },
    ];
    for (const arrival of [0, 1, 2]) {
      const all = await pseudoLabels(frames, 1, arrival);
      expect(all.map(({ scene, frame }) => `${scene}/${frame}`).sort()).toEqual(['s/a', 't/a']);
    }
  });
});

describe('ViewAL, drawn', () => {
  const surfaces = [
    surfacesOf('a', {
      0: [
        { voxels: [0], entropy: 0.6, p: [1, 0] },
        { voxels: [1], entropy: 0.2, p: [1, 0] },
      ],
      1: [{ voxels: [0], entropy: 0, divergence: 1, p: [1, 0] }],
    }),
    surfacesOf('b', { 0: [{ voxels: [0], entropy: 0.2, p: [1, 0] }] }),
  ];
  const ranked = (seed: number) =>
    ranking('viewal+sample', { ...poolOf(surfaces, 2), random: () => random(seed) });

  test('surfaces come in proportion to view entropy, the rest likewise, and one of them in its most divergent view', async () => {
    const draws = 2000;
    const count = new Map<string, number>();
    for (let seed = 0; seed < draws; seed++) {
      const order = taken(await ranked(seed)).map(([scene, frame, id]) => `${scene}/${frame}/${id}`);
      // The view without entropy brings nothing up, but shows the surface best.
      expect([...order].sort()).toEqual(['a/0/1', 'a/1/0', 'b/0/0']);
      const key = order.join(' ');
      count.set(key, (count.get(key) ?? 0) + 1);
    }
    // First 0.6, 0.2 or 0.2 of 1; then by shares of what is left.
    const expected = {
      'a/1/0 a/0/1 b/0/0': 0.3,
      'a/0/1 a/1/0 b/0/0': 0.2 * 0.75,
      'a/0/1 b/0/0 a/1/0': 0.2 * 0.25,
    };
    for (const [key, share] of Object.entries(expected))
      expect(Math.abs(count.get(key)! / draws - share)).toBeLessThan(
        4 * Math.sqrt((share * (1 - share)) / draws),
      );
  });

  test('the same seed draws the same', async () => {
    expect(await ranked(7)).toEqual(await ranked(7));
  });
});
