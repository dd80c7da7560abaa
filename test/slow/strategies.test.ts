import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { openLearning } from '../../src/stages/learning/learning.js';
import { STRATEGIES } from '../../src/strategies/index.js';
import { playTwoRounds, QUICK, smallRooms } from '../learning-rooms.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'viewal-strategies-'));
  await smallRooms(join(folder, 'rooms'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(STRATEGIES.map(({ name }) => name))('%s labels its budget, nothing twice', async (strategy) => {
  const learning = { strategy, rounds: 2 };
  await playTwoRounds(await openLearning(join(folder, strategy), join(folder, 'rooms'), QUICK, learning));
});
