import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameCache } from '../../src/live/frame-cache.js';
import { LiveScene } from '../../src/live/live-scene.js';
import { random, shuffle } from '../../src/random.js';
import { OverlapIndex } from '../../src/selection/overlap-index.js';
import { pickSurfaces } from '../../src/selection/pick.js';
import { PriorityQueue } from '../../src/selection/priority-queue.js';
import { CpuPointStore } from '../../src/store/cpu-point-store.js';
import type { Incidences } from '../../src/store/incidences.js';
import type { PickRow } from '../../src/tables/schemas.js';
import { binned, randomFrame, turned } from '../random-frames.js';

type Frames = ReadonlyMap<string, Incidences>;

/** Half of them look at one plane, so that they overlap; half from all sides. */
function framesOf(seed: number, count: number): Frames {
  return new Map(
    Array.from({ length: count }, (_, i) => {
      const seen = randomFrame(`${seed} ${i}`);
      return [`${i}`, binned(i % 2 === 0 ? seen : turned(seen, seed + i), 0.3)];
    }),
  );
}

/** @param most bytes of shares kept; few, so that they are read again */
function sceneOf(frames: Frames, most?: number): LiveScene {
  return new LiveScene('scene', async (id) => frames.get(id)!, new FrameCache(most));
}

async function allPicks(scene: LiveScene, most = Number.POSITIVE_INFINITY): Promise<PickRow[]> {
  const picks: PickRow[] = [];
  while (picks.length < most) {
    const pick = await scene.next();
    if (pick === undefined) break;
    picks.push(pick);
  }
  return picks;
}

/** Scores and picks of a batch over frames in this order. */
async function batch(frames: Frames) {
  const store = new CpuPointStore(5);
  for (const [id, incidences] of frames) await store.integrate(incidences, id);
  const index = new OverlapIndex();
  const queue = new PriorityQueue();
  const divergence: number[] = [];
  const names: string[] = [];
  for (const [id, incidences] of frames) {
    const first = index.add(incidences, store.idsOf(incidences));
    const scores = await store.score(incidences);
    for (let r = 0; r < incidences.superpixels; r++) {
      names[first + r] = `${id}/${r}`;
      divergence[first + r] = scores.viewDivergence[r]!;
      if (!Number.isNaN(scores.viewEntropy[r])) queue.set(first + r, scores.viewEntropy[r]!);
    }
  }
  return {
    store,
    index,
    numberOf: new Map(names.map((name, number) => [name, number])),
    picks: [...pickSurfaces(queue, divergence, index)].map((pick) => ({
      ...pick,
      superpixel: names[pick.superpixel],
      trigger: names[pick.trigger],
      divergence: divergence[pick.superpixel],
    })),
  };
}

const nameOf = ({ frame, superpixel }: { frame: string; superpixel: number }) => `${frame}/${superpixel}`;

describe('a live scene', () => {
  test('has a batch’s scores, bit for bit, whatever the order of its frames, and its picks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1e6),
        fc.integer({ min: 1, max: 8 }),
        fc.boolean(),
        fc.constantFrom('after each frame', 'now and then', 'at the end'),
        async (seed, n, forgetful, asked) => {
          const frames = framesOf(seed, n);
          const order = new Map(shuffle([...frames], random(seed)));
          const scene = sceneOf(frames, forgetful ? 1 : undefined);
          for (const [i, [id, incidences]] of [...order].entries()) {
            await scene.add(id, incidences, 'm');
            if (asked === 'after each frame' || (asked === 'now and then' && (seed + i) % 3 === 0))
              await scene.prepare(seed % 3);
          }
          const { store } = await batch(frames);
          for (const [id, incidences] of frames) {
            const expected = await store.score(incidences);
            expect(await scene.score(id)).toEqual(expected);
            expect(scene.entropies(id)!.map(({ viewEntropy }) => viewEntropy)).toEqual([
              ...expected.viewEntropy,
            ]);
          }
          const { picks } = await batch(order);
          expect(
            (await allPicks(scene)).map((pick) => ({
              superpixel: nameOf(pick),
              trigger: `${pick.trigger_frame}/${pick.trigger_superpixel}`,
              triggerEntropy: pick.trigger_entropy,
              overlapSet: pick.overlap_set,
              divergence: pick.view_divergence,
            })),
          ).toEqual(picks);
          expect(scene.candidates).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('never asks for a surface again, however frames and windows alternate', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1e6),
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 2, maxLength: 8 }),
        async (seed, windows) => {
          const frames = framesOf(seed, windows.length);
          const { index, numberOf } = await batch(frames);
          const scene = sceneOf(frames, 1);
          const picked: number[] = [];
          for (const [i, [id, incidences]] of [...frames].entries()) {
            await scene.add(id, incidences, 'm');
            if (seed % 2 === 0) await scene.prepare(2);
            for (const pick of await allPicks(scene, windows[i])) picked.push(numberOf.get(nameOf(pick))!);
          }
          expect(new Set(picked).size).toBe(picked.length);
          for (const one of picked)
            expect(index.overlapping(one).filter((other) => picked.includes(other))).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('with probabilities made anew is as if they had been there from the first', async () => {
    const [old, next] = [framesOf(1, 5), framesOf(1, 5)] as const;
    // The same places, other probabilities.
    const renewed = new Map(
      [...next].map(([id, one]) => [
        id,
        { ...one, sumP: one.sumP.map((_, i) => one.sumP[i % 5 === 4 ? i - 4 : i + 1]!) },
      ]),
    );
    const stored = new Map(old);
    const scene = sceneOf(stored, 1);
    for (const [id, incidences] of old) await scene.add(id, incidences, 'old');
    for (const [id, incidences] of [...renewed].reverse()) {
      await scene.replace(id, incidences, 'new', async () => {
        stored.set(id, incidences);
      });
    }
    const { store } = await batch(renewed);
    for (const [id, incidences] of renewed) {
      expect(await scene.score(id)).toEqual(await store.score(incidences));
      expect(new Set(scene.entropies(id)!.map(({ model }) => model))).toEqual(new Set(['new']));
    }
    expect(scene.frames).toBe(5);
  });

  test('does not ask for what is labelled, nor for other views of it, those that come later included', async () => {
    const frames = framesOf(3, 6);
    const { index, numberOf, picks } = await batch(frames);
    const scene = sceneOf(frames);
    const entries = [...frames];
    for (const [id, incidences] of entries.slice(0, 3)) await scene.add(id, incidences, 'm');
    const labelled = { frame: '0', superpixel: 1 };
    await scene.markDone([labelled, { frame: 'none', superpixel: 0 }, { frame: '0', superpixel: 999 }]);
    for (const [id, incidences] of entries.slice(3)) await scene.add(id, incidences, 'm');
    const same = new Set([
      numberOf.get(nameOf(labelled))!,
      ...index.overlapping(numberOf.get(nameOf(labelled))!),
    ]);
    const asked = (await allPicks(scene)).map((pick) => numberOf.get(nameOf(pick))!);
    expect(asked.filter((one) => same.has(one))).toEqual([]);
    expect(picks.some(({ superpixel }) => same.has(numberOf.get(superpixel!)!))).toBe(true);
    expect(scene.views(labelled).map(nameOf).sort()).toEqual(
      [...numberOf]
        .filter(([, n]) => n !== numberOf.get('0/1') && same.has(n))
        .map(([name]) => name)
        .sort(),
    );
  });

  test('drops the superpixels of a frame that has expired', async () => {
    const frames = framesOf(4, 3);
    const scene = sceneOf(frames);
    for (const [id, incidences] of frames) await scene.add(id, incidences, 'm');
    await scene.expire(['1', 'none']);
    expect((await allPicks(scene)).filter(({ frame }) => frame === '1')).toEqual([]);
  });

  test('wakes as it was laid to rest', async () => {
    const frames = framesOf(7, 6);
    const scene = sceneOf(frames);
    for (const [id, incidences] of frames) await scene.add(id, incidences, `m${id}`);
    await scene.next();
    await scene.next();
    await scene.expire(['3']);
    const rest = JSON.parse(JSON.stringify(await scene.rest()));
    const woken = await LiveScene.wake('scene', rest, async (id) => frames.get(id)!);
    for (const id of frames.keys()) expect(woken.entropies(id)).toEqual(scene.entropies(id));
    expect(await allPicks(woken)).toEqual(await allPicks(scene));
    expect(await woken.rest()).toEqual(await scene.rest());
  });

  test('carries calls out in the order in which they are made', async () => {
    const frames = framesOf(5, 4);
    const [one, other] = [sceneOf(frames, 1), sceneOf(frames, 1)];
    const picks: Promise<PickRow | undefined>[] = [];
    for (const [id, incidences] of frames) {
      void one.add(id, incidences, 'm');
      picks.push(one.next());
    }
    const expected: (PickRow | undefined)[] = [];
    for (const [id, incidences] of frames) {
      await other.add(id, incidences, 'm');
      expected.push(await other.next());
    }
    expect(await Promise.all(picks)).toEqual(expected);
    expect(await sceneOf(frames).next()).toBeUndefined();
    expect(await sceneOf(frames).nextEntropy()).toBeUndefined();
  });

  test('refuses what the store refuses, and is as before', async () => {
    const frames = framesOf(6, 2);
    const scene = sceneOf(frames);
    await scene.add('0', frames.get('0')!, 'm');
    const before = await scene.score('0');
    const other = binned(randomFrame(1, { classes: 4 }));
    await expect(scene.add('1', other, 'm')).rejects.toThrow('has a map of 4 classes');
    const keep = () => Promise.reject(new Error('nothing is to be kept'));
    await expect(scene.replace('0', other, 'm', keep)).rejects.toThrow('has a map of 4 classes');
    await expect(scene.replace('1', other, 'm', keep)).rejects.toThrow('scene/1 is not in the scene');
    await scene.add('0', frames.get('1')!, 'other'); // it is there
    expect(await scene.score('0')).toEqual(before);
    expect(scene.has('1')).toBe(false);
  });
});
