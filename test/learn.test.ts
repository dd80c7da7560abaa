import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { learn } from '../pipelines/learn.js';
import { frameName, IGNORE } from '../src/frame.js';
import { loadNetwork } from '../src/model/checkpoint.js';
import { openLearning } from '../src/stages/learning.js';
import type { LearningOptions } from '../src/stages/learning-options.js';
import { openRound, readLabels, roundFolder } from '../src/stages/round.js';
import { STRATEGIES } from '../src/strategies/index.js';
import { generateRecording } from '../src/synth/generate.js';
import { ORIGIN, trainingLabelTable } from '../src/tables/frame-tables.js';

const SIZE = { width: 64, height: 48 };
const QUICK = {
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

let folder: string;
let recording: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'viewal-learn-'));
  recording = join(folder, 'rooms');
  await generateRecording({ out: recording, scenes: 3, frames: 4, seed: 5, size: SIZE, noise: false });
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

function open(learning: Partial<LearningOptions>, out = join(folder, `learning-${count++}`)) {
  return openLearning(out, recording, QUICK, { rounds: 2, ...learning });
}

describe('rounds of active learning', () => {
  test.each(STRATEGIES.map(({ name }) => name))(
    '%s labels its budget, nothing twice',
    async (strategy) => {
      const learning = await open({ strategy });
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
      expect(rounds[2].carried_pixels > 0).toBe(strategy === 'viewal+carry');
    },
    60_000,
  );

  test('goes on where it stopped, and redoes no round', async () => {
    const whole = await open({ strategy: 'viewal' });
    const expected = await learn(whole);
    const first = await open({ strategy: 'viewal', rounds: 1 });
    const begun = await learn(first);
    const more = await open({ strategy: 'viewal' }, first.folder.path);
    const rows = await learn(more);
    expect(rows).toEqual(expected);
    expect(rows.slice(0, 2)).toEqual(begun);
    const [a, b] = await Promise.all(
      [whole, more].map((learning) => loadNetwork(roundFolder(learning, 2).modelFolder)),
    );
    expect(b.tensors).toEqual(a.tensors);
  }, 60_000);

  test('refuses another strategy in the same folder', async () => {
    const { folder: made } = await open({ strategy: 'rand' });
    await expect(open({ strategy: 'ent' }, made.path)).rejects.toThrow(
      /was begun with strategy rand: choose another folder for strategy ent/,
    );
  });

  test('stops where nothing is left to label', async () => {
    const learning = await openLearning(
      join(folder, 'all'),
      recording,
      { ...QUICK, budget: '100%' },
      { strategy: 'rand', rounds: 4 },
    );
    const rounds = await learn(learning);
    expect(rounds.map(({ labelled_share }) => labelled_share)).toEqual([expect.any(Number), 1]);
  }, 60_000);
});
