import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastValueFrom, toArray } from 'rxjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { learn } from '../pipelines/learn.js';
import { frameName, IGNORE } from '../src/frame.js';
import { loadNetwork } from '../src/model/checkpoint.js';
import type { Segmenter } from '../src/model/inference/segmenter.js';
import { toHalves } from '../src/model/probability-map.js';
import { segment } from '../src/operators/segment.js';
import { seedLabels } from '../src/stages/learning/acquire.js';
import { openLearning } from '../src/stages/learning/learning.js';
import type { GivenLearning } from '../src/stages/learning/options.js';
import { roundPool } from '../src/stages/learning/pool.js';
import { openRound, pseudoLabelTable, roundFolder } from '../src/stages/learning/round.js';
import { SILENT } from '../src/stages/monitor.js';
import { findStrategy } from '../src/strategies/index.js';
import { ORIGIN, trainingLabelTable } from '../src/tables/frame-tables.js';
import { playTwoRounds, QUICK, SIZE, smallRooms } from './learning-rooms.js';
import { contentsOf } from './sample.js';

/** Images, windows, features, pseudo-labels, superpixels, no dropout, labels carried, and what views agree on. */
const ONE_OF_EACH_KIND = ['rand', 'rmcdr', 'cset', 'ceal', 'viewal', 've', 'viewal+carry', 'viewal+agree'];

let folder: string;
let recording: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'viewal-learn-'));
  recording = join(folder, 'rooms');
  await smallRooms(recording);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function open(learning: GivenLearning, out = join(folder, `learning-${count++}`)) {
  return openLearning(out, recording, QUICK, { rounds: 2, ...learning });
}

describe('rounds of active learning', () => {
  // One of each kind; test/slow has the others.
  test.each(ONE_OF_EACH_KIND)('%s labels its budget, nothing twice', async (strategy) => {
    await playTwoRounds(await open({ strategy }));
  });

  test('goes on where it stopped, and redoes no round', async () => {
    const whole = await open({ strategy: 'viewal' });
    const expected = await learn(whole);
    const first = await open({ strategy: 'viewal', rounds: 1 });
    const begun = await learn(first);
    const files = await contentsOf(roundFolder(first, 0).path);
    const more = await open({ strategy: 'viewal' }, first.folder.path);
    const rows = await learn(more);
    expect(rows).toEqual(expected);
    expect(rows.slice(0, 2)).toEqual(begun);
    expect(await contentsOf(roundFolder(first, 0).path)).toEqual(files);
    // All of it again, and less of it, is what there is.
    expect(await learn(more)).toEqual(expected);
    expect(await learn(await open({ strategy: 'viewal', rounds: 1 }, first.folder.path))).toEqual(begun);
    const [a, b] = await Promise.all(
      [whole, more].map((learning) => loadNetwork(roundFolder(learning, 2).modelFolder)),
    );
    expect(b.tensors).toEqual(a.tensors);
  });

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
  });
});

describe('what frames are for', () => {
  const list = async (...lines: readonly string[]) => {
    const file = join(folder, `list-${count++}.txt`);
    await writeFile(file, `${lines.join('\n')}\n`);
    return file;
  };
  const names = (frames: readonly { scene: string; id: string }[]) => frames.map(frameName);

  test('lists say what is labelled first and what is tested on', async () => {
    const all = names((await open({})).pool.frames.concat((await open({})).test.frames));
    const [room] = all[0].split('/');
    const [first, second] = all.filter((name) => !name.startsWith(`${room}/`));
    const learning = await open({
      seedSet: await list('# the seeds', second, first),
      test: await list(room),
      imageMinutes: 4,
    });
    expect(names(learning.test.frames)).toEqual(all.filter((name) => name.startsWith(`${room}/`)));
    expect(names(learning.pool.frames)).toEqual(all.filter((name) => !name.startsWith(`${room}/`)));
    const rows = await seedLabels(learning);
    expect(rows.map(({ scene, frame }) => frameName({ scene, id: frame }))).toEqual([first, second]);
    expect(rows.map(({ unit, minutes }) => [unit, minutes])).toEqual([
      ['image', 4],
      ['image', 4],
    ]);
    expect(rows[0].clicks).toBeCloseTo(4 / 0.101, 10);

    // The same lists from other files are the same options; another list is another option.
    const { path } = learning.folder;
    const again = { test: await list(...all.filter((name) => name.startsWith(`${room}/`))), imageMinutes: 4 };
    await open({ ...again, seedSet: await list(first, second) }, path);
    await expect(open({ ...again, seedSet: await list(first) }, path)).rejects.toThrow(
      `was begun with seed-set ${first}, ${second}: choose another folder for seed-set ${first}.`,
    );
  });

  test('says what is wrong with a list', async () => {
    const { pool, test: tested } = await open({});
    const [kept] = names(tested.frames);
    await expect(open({ seedSet: await list('room-000/none') })).rejects.toThrow(
      /line 1: there is no frame or scene room-000\/none/,
    );
    await expect(open({ seedSet: await list(kept) })).rejects.toThrow(
      `${kept} is in the seed set and kept for testing: expected it in one of the two.`,
    );
    await expect(open({ seedSet: await list('# none') })).rejects.toThrow(/names no labelled frame/);
    const scenes = [...pool.frames, ...tested.frames].map(({ scene }) => scene);
    await expect(open({ test: await list(...new Set(scenes)) })).rejects.toThrow(
      /^All 12 labelled frames of .* are kept for testing: expected some to learn from\.$/,
    );
    await expect(open({ test: 'nowhere.txt' })).rejects.toThrow(
      'Option test: expected a share in percent, or a file of scene/frame or scene lines; there is no file "nowhere.txt".',
    );
    await expect(open({ test: 100 })).rejects.toThrow(
      /Option test: expected a share .* below 100, or a file/,
    );
    await expect(open({ superpixelMinutes: 0 })).rejects.toThrow(
      'Option superpixelMinutes: expected a positive number of minutes, got 0.',
    );
    const seedSet = await list(...names(pool.frames));
    const validation = await list(names(pool.frames)[0]);
    await expect(
      openLearning(join(folder, 'both'), recording, { ...QUICK, validation }, { seedSet }),
    ).rejects.toThrow(/is in the seed set and kept for validation/);
    // What is drawn for validation is drawn from the rest.
    const drawn = await openLearning(
      join(folder, 'drawn'),
      recording,
      { ...QUICK, validation: '1' },
      { seedSet: await list(...names(pool.frames).slice(1)) },
    );
    expect([...drawn.validation]).toEqual([names(pool.frames)[0]]);
  });
});

test('views that agree with the ground truth give it as pseudo-labels, and are asked for once', async () => {
  const learning = await open({ strategy: 'viewal+agree', seedSet: 15 });
  const rows = await seedLabels(learning);
  const round = await openRound(learning, 0, rows);
  const classes = learning.pool.classes.length;
  let asked = 0;
  const knowing: Pick<Segmenter, 'classes' | 'concurrency' | 'key' | 'predict'> = {
    ...{ classes, concurrency: 1, key: 'knows' },
    predict: async ({ labels }) => {
      asked++;
      const p = new Float32Array(SIZE.width * SIZE.height * classes);
      labels!.forEach((label, i) => {
        p[i * classes + (label === IGNORE ? 0 : label)] = 1;
      });
      return { ...SIZE, classes, data: toHalves(p) };
    },
  };
  const segmenter = async () => knowing as Segmenter;
  const network = { key: 'knows', segmenter, maps: { onCpu: segment(segmenter), onGpu: undefined } };
  const pool = await roundPool(round, network, 1, SILENT.begin('choose', 0, 'frames'));
  await lastValueFrom(pool.surfaces());
  expect(asked).toBe(learning.pool.frames.length);
  const views = await lastValueFrom(pool.consensus().pipe(toArray()));
  expect(asked).toBe(learning.pool.frames.length);
  expect(views).toHaveLength(learning.pool.frames.length - rows.length);
  const pseudo = await lastValueFrom(findStrategy('viewal+agree').pseudoLabels!(pool).pipe(toArray()));
  let given = 0;
  let right = 0;
  for (const { scene, frame, labels } of pseudo) {
    const entry = learning.pool.frames.find((one) => one.scene === scene && one.id === frame)!;
    const truth = (await learning.pool.read(entry, SIZE)).labels!;
    for (let i = 0; i < truth.length; i++) {
      if (labels[i] === IGNORE || truth[i] === IGNORE) continue;
      given++;
      if (labels[i] === truth[i]) right++;
    }
  }
  expect(given).toBeGreaterThan(100);
  expect(right / given).toBeGreaterThan(0.99);

  // The next round trains on them where people say nothing, and does not count them.
  const table = pseudoLabelTable(round.run.folder);
  for (const { scene, frame, labels } of pseudo)
    await table.write({ scene, id: frame }, 'pseudo', {
      label: labels,
      origin: labels.map((label) => (label === IGNORE ? ORIGIN.none : ORIGIN.network)),
    });
  const wrong = new Uint8Array(SIZE.width * SIZE.height).fill(1);
  const person = { scene: rows[0].scene, id: rows[0].frame };
  await table.write(person, 'pseudo', { label: wrong, origin: wrong.map(() => ORIGIN.network) });
  const next = await openRound(learning, 1, rows);
  expect(next.labels.pixels).toBe(round.labels.pixels);
  expect(round.pseudoPixels).toBe(0);
  expect(next.pseudoPixels).toBeGreaterThanOrEqual(given);
  const before = (await trainingLabelTable(round.run.folder).read(person))!;
  const after = (await trainingLabelTable(next.run.folder).read(person))!;
  before.label.forEach((label, i) => {
    if (label !== IGNORE) expect(after.label[i]).toBe(label);
  });
});
