import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EntropyIndex } from '../../src/selection/entropy-index.js';
import { OverlapIndex } from '../../src/selection/overlap-index.js';
import { CpuPointStore } from '../../src/store/cpu-point-store.js';
import type { Incidences } from '../../src/store/incidences.js';
import { binned, randomFrame, turned } from '../random-frames.js';

/** Adds frames to a store and both indexes, as they come. */
class Growing {
  readonly store: CpuPointStore;
  readonly entropies: EntropyIndex;
  readonly overlaps: OverlapIndex;
  readonly frames: { readonly incidences: Incidences; readonly first: number }[] = [];

  constructor(classes: number) {
    this.store = new CpuPointStore(classes);
    this.entropies = new EntropyIndex(this.store);
    this.overlaps = new OverlapIndex(this.entropies);
  }

  async add(incidences: Incidences): Promise<void> {
    await this.store.integrate(incidences, 'frame');
    const ids = this.store.idsOf(incidences);
    const first = this.overlaps.add(incidences, ids);
    this.entropies.add(incidences, ids, first);
    this.frames.push({ incidences, first });
  }

  /** By superpixel number, as the store's `score` says. */
  async scores(): Promise<{ entropy: number[]; divergence: number[] }> {
    const entropy: number[] = [];
    const divergence: number[] = [];
    for (const { incidences } of this.frames) {
      const { viewEntropy, viewDivergence } = await this.store.score(incidences);
      entropy.push(...viewEntropy);
      divergence.push(...viewDivergence);
    }
    return { entropy, divergence };
  }
}

/** Frames from all sides, so that voxels are looked at along several axes. */
const frameOf = (seed: number, i: number) => binned(turned(randomFrame(`${seed} ${i}`), seed + i), 0.4);

describe('entropies kept current', () => {
  test('are, bit for bit, what the store says of all frames, and what may have changed is told', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1e6), fc.integer({ min: 1, max: 7 }), async (seed, n) => {
        const growing = new Growing(5);
        let before: Awaited<ReturnType<Growing['scores']>> = { entropy: [], divergence: [] };
        for (let i = 0; i < n; i++) {
          await growing.add(frameOf(seed, i));
          const now = await growing.scores();
          expect(now.entropy.map((_, s) => growing.entropies.viewEntropy(s))).toEqual(now.entropy);
          const told = new Set(growing.entropies.takeChanged());
          for (let s = 0; s < now.entropy.length; s++)
            if (
              !Object.is(now.entropy[s], before.entropy[s]) ||
              !Object.is(now.divergence[s], before.divergence[s])
            )
              expect(told.has(s)).toBe(true);
          before = now;
        }
        expect(growing.entropies.takeChanged()).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test('follow frames whose maps are made anew', async () => {
    const growing = new Growing(5);
    for (let i = 0; i < 4; i++) await growing.add(frameOf(1, i));
    const old = growing.frames[1]!.incidences;
    // The same places, other probabilities.
    const next: Incidences = {
      ...old,
      sumP: old.sumP.map((p, i) => old.sumP[i % 5 === 4 ? i - 4 : i + 1] ?? p),
    };
    await growing.store.remove(old);
    await growing.store.integrate(next, 'frame');
    growing.entropies.update(growing.store.idsOf(next));
    growing.frames[1] = { ...growing.frames[1]!, incidences: next };
    const { entropy } = await growing.scores();
    expect(entropy.map((_, s) => growing.entropies.viewEntropy(s))).toEqual(entropy);
  });

  test('join superpixels as a batch does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1e6), fc.integer({ min: 1, max: 7 }), async (seed, n) => {
        const growing = new Growing(5);
        for (let i = 0; i < n; i++) {
          await growing.add(frameOf(seed, i));
          const batch = new OverlapIndex();
          for (const { incidences } of growing.frames) batch.add(incidences, growing.store.idsOf(incidences));
          for (let s = 0; s < batch.superpixels; s++)
            expect(growing.overlaps.overlapping(s)).toEqual(batch.overlapping(s));
          for (const index of [growing.overlaps, batch])
            for (let s = 0; s < batch.superpixels; s++) {
              const since = (seed + s) % (batch.superpixels + 1);
              expect(index.overlapping(s, since)).toEqual(batch.overlapping(s).filter((one) => one >= since));
            }
        }
      }),
      { numRuns: 20 },
    );
  });

  test('a superpixel without depth has none', async () => {
    const growing = new Growing(5);
    await growing.add(binned(randomFrame(1, { holes: 1 })));
    expect(growing.entropies.viewEntropy(0)).toBeNaN();
    expect(growing.entropies.scoredPixels(0)).toBe(0);
    expect(growing.entropies.takeChanged()).toHaveLength(6);
  });
});

test('divergences of some superpixels are those of all', async () => {
  const growing = new Growing(5);
  for (let i = 0; i < 3; i++) await growing.add(frameOf(2, i));
  const { incidences } = growing.frames[1]!;
  const { viewDivergence } = await growing.store.score(incidences);
  const some = growing.store.viewDivergences({ incidences, ids: growing.store.idsOf(incidences) }, [4, 1]);
  expect([...some]).toEqual([...viewDivergence].map((value, r) => (r === 4 || r === 1 ? value : Number.NaN)));
});
