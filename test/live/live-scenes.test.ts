import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LiveScenes } from '../../src/live/live-scenes.js';
import { random, shuffle } from '../../src/random.js';
import { BudgetMeter, parseBudget } from '../../src/selection/budget.js';
import type { Incidences } from '../../src/store/incidences.js';
import type { FrameId } from '../../src/tables/frame-tables.js';
import type { PickRow } from '../../src/tables/schemas.js';
import { binned, randomFrame } from '../random-frames.js';

const meterOf = (picks: number) => new BudgetMeter(parseBudget(`${picks}superpixels`), 1, 1);
const named = (picks: readonly PickRow[]) =>
  picks.map(({ scene, frame, superpixel }) => `${scene}/${frame}/${superpixel}`);

function framesOf(seed: number, scenes: number, each: number): Map<FrameId, Incidences> {
  const frames = new Map<FrameId, Incidences>();
  for (let s = 0; s < scenes; s++)
    for (let i = 0; i < each; i++)
      frames.set({ scene: `s${s}`, id: `${i}` }, binned(randomFrame(`${seed} ${s} ${i}`), 0.3));
  return frames;
}

function scenesOf(frames: ReadonlyMap<FrameId, Incidences>, most?: number): LiveScenes {
  const read = async ({ scene, id }: FrameId) =>
    [...frames].find(([frame]) => frame.scene === scene && frame.id === id)![1];
  return new LiveScenes(read, most);
}

/** What a scene of a few frames takes, more or less: memory is taken in pieces. */
async function bytesOfOne(): Promise<number> {
  const scenes = scenesOf(new Map());
  for (const [frame, incidences] of framesOf(1, 1, 1)) await scenes.add(frame, incidences, 'm');
  return scenes.awake.get('s0')!.bytes;
}

test('scenes that are laid to rest and woken pick what scenes in memory pick', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(1e6),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 3 }),
      async (seed, count, fit) => {
        const most = fit * (await bytesOfOne());
        const frames = framesOf(seed, count, 3);
        const [cramped, roomy] = [scenesOf(frames, most), scenesOf(frames)];
        for (const [i, [frame, incidences]] of shuffle([...frames], random(seed)).entries()) {
          for (const scenes of [cramped, roomy]) await scenes.add(frame, incidences, 'm');
          if (i % 4 === 3)
            expect(named(await cramped.pick(meterOf(2)))).toEqual(named(await roomy.pick(meterOf(2))));
          if (i % 3 === 2) await cramped.prepare(2);
        }
        expect(cramped.names).toEqual(roomy.names);
        expect(roomy.awake.size).toBe(count);
        const kept = [...cramped.awake.values()].reduce((sum, scene) => sum + scene.bytes, 0);
        expect(kept <= most || cramped.awake.size === 1).toBe(true);
        expect(await cramped.pick(meterOf(1000))).toEqual(await roomy.pick(meterOf(1000)));
        expect(await cramped.pick(meterOf(1))).toEqual([]);
      },
    ),
    { numRuns: 20 },
  );
});

test('picks come in descending trigger entropy over all scenes, and the budget is kept', async () => {
  const frames = framesOf(1, 3, 4);
  const scenes = scenesOf(frames);
  for (const [frame, incidences] of frames) await scenes.add(frame, incidences, 'm');
  const picks = await scenes.pick(meterOf(7));
  expect(picks).toHaveLength(7);
  const entropies = picks.map(({ trigger_entropy }) => trigger_entropy);
  expect(entropies).toEqual([...entropies].sort((a, b) => b - a));
  expect(new Set(picks.map(({ scene }) => scene)).size).toBeGreaterThan(1);
});

test('what is labelled in a scene at rest, or has expired there, is not asked for', async () => {
  const frames = framesOf(2, 2, 2);
  const scenes = scenesOf(frames, 1);
  for (const [frame, incidences] of frames) await scenes.add(frame, incidences, 'm');
  expect([...scenes.awake.keys()]).toEqual(['s1']);
  await scenes.markDone('s0', [{ frame: '0', superpixel: 0 }]);
  await scenes.expire('s0', ['1']);
  const picked = named(await scenes.pick(meterOf(1000)));
  expect(picked).not.toContain('s0/0/0');
  expect(picked.filter((name) => name.startsWith('s0/1/'))).toEqual([]);
  expect(picked.some((name) => name.startsWith('s0/0/'))).toBe(true);
});
