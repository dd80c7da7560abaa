import { expect } from 'vitest';
import { learn } from '../pipelines/learn.js';
import { frameName, IGNORE } from '../src/frame.js';
import type { Learning } from '../src/stages/learning/learning.js';
import { openRound, readLabels, roundFolder } from '../src/stages/learning/round.js';
import { findStrategy } from '../src/strategies/index.js';
import { generateRecording } from '../src/synth/generate.js';
import { ORIGIN, trainingLabelTable } from '../src/tables/frame-tables.js';

export const SIZE = { width: 64, height: 48 };
/** Options of learning that takes seconds. */
export const QUICK = {
  size: '64x48',
  crop: '64x48',
  steps: 2,
  batch: 2,
  init: 'random',
  draws: 2,
  superpixelCount: 12,
  budget: '1images',
  voxel: 0.05,
  workers: 1,
} as const;

export function smallRooms(out: string): Promise<unknown> {
  return generateRecording({ out, scenes: 3, frames: 4, seed: 5, size: SIZE, noise: false });
}

/** Plays two rounds: each labels its budget of one image, nothing is labelled twice, and what is trained on is the truth. */
export async function playTwoRounds(learning: Learning): Promise<void> {
  const rounds = await learn(learning);
  expect(rounds.map(({ round }) => round)).toEqual([0, 1, 2]);
  const area = SIZE.width * SIZE.height;
  for (let r = 1; r <= 2; r++) {
    const before = (await readLabels(learning, r - 1))!;
    const rows = (await readLabels(learning, r))!;
    const added = rows.slice(before.length);
    expect(rows.slice(0, before.length)).toEqual(before);
    const pixels = added.reduce((sum, row) => sum + row.pixels, 0);
    expect(pixels).toBeGreaterThanOrEqual(area);
    expect(pixels - added.at(-1)!.pixels).toBeLessThan(area);
    expect(rounds[r].labelled_pixels).toBe(rows.reduce((sum, row) => sum + row.pixels, 0));
  }
  const rows = (await readLabels(learning, 2))!;
  const round = await openRound(learning, 2, rows);
  // What people labelled is trained on as it is, and counted once each.
  const table = trainingLabelTable(roundFolder(learning, 2));
  let given = 0;
  for (const entry of learning.pool.frames) {
    const stored = await table.read(entry);
    if (stored === undefined) continue;
    const { labels } = await learning.pool.read(entry, SIZE);
    for (let i = 0; i < stored.label.length; i++) {
      if (stored.origin[i] !== ORIGIN.person) continue;
      given++;
      expect(stored.label[i]).toBe(labels![i]);
    }
    expect(round.run.training.has(frameName(entry))).toBe(stored.label.some((label) => label !== IGNORE));
  }
  expect(given).toBeLessThanOrEqual(round.labels.pixels);
  expect(given).toBeGreaterThan(0.8 * round.labels.pixels); // the rest has no class in the ground truth
  const test = new Set(learning.test.frames.map(frameName));
  expect(rows.filter(({ scene, frame }) => test.has(frameName({ scene, id: frame })))).toEqual([]);
  expect(rounds[2].carried_pixels > 0).toBe(findStrategy(learning.strategy.name).carriesLabels ?? false);
}
