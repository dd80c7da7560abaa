import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compare } from '../pipelines/compare.js';
import { learn } from '../pipelines/learn.js';
import { InterruptedError } from '../src/errors.js';
import { type Comparison, FULL, openComparison, runFolder } from '../src/stages/comparison/comparison.js';
import { parseSeeds, parseStrategies } from '../src/stages/comparison/options.js';
import { openLearning } from '../src/stages/learning/learning.js';
import { type Monitor, SILENT } from '../src/stages/monitor.js';
import { STRATEGIES } from '../src/strategies/index.js';
import { readParquet } from '../src/tables/parquet.js';
import {
  COMPARISON,
  HISTORY,
  type ParquetSchema,
  REGION_CLASSES,
  ROUNDS,
  type Row,
  RUNS,
} from '../src/tables/schemas.js';
import { QUICK, smallRooms } from './learning-rooms.js';
import { contentsOf, digestsOf } from './sample.js';

let folder: string;
let recording: string;
/** rand and viewal, two seeds, one round; not to be changed by a test. */
let whole: Comparison;
let notes: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'viewal-compare-'));
  recording = join(folder, 'rooms');
  await smallRooms(recording);
  const heard = listening();
  notes = heard.notes;
  whole = await open('whole', {}, { monitor: heard.monitor });
  await compare(whole);
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

function open(
  name: string,
  compared: { strategies?: string; seeds?: string; rounds?: number } = {},
  context: { monitor?: Monitor; signal?: AbortSignal } = {},
) {
  const { strategies = 'rand,viewal', seeds = '2', rounds = 1 } = compared;
  return openComparison(
    join(folder, name),
    recording,
    { strategies, seeds, jobs: 2 },
    QUICK,
    { rounds },
    context,
  );
}

/** A monitor that keeps what it hears. */
function listening(onNote: (line: string) => void = () => {}) {
  const heard: string[] = [];
  const bars: { total: number; done: number }[] = [];
  const monitor: Monitor = {
    ...SILENT,
    note(line) {
      heard.push(line);
      onNote(line);
    },
    warn: (line) => heard.push(`warning: ${line}`),
    begin(stage, total, _, done = 0) {
      if (stage !== 'rounds') return SILENT.begin(stage, total, '');
      const bar = { total, done };
      bars.push(bar);
      return {
        advance(steps = 1) {
          bar.done += steps;
        },
        end() {},
      };
    },
  };
  return { monitor, notes: heard, bars };
}

async function rowsOf<S extends ParquetSchema>({ folder }: Comparison, schema: S): Promise<Row<S>[]> {
  return (await readParquet(folder.runFile(schema.name), schema))!;
}

/** Rounds in an order that no schedule changes. */
async function roundsOf(comparison: Comparison) {
  const nameOf = (row: Row<typeof ROUNDS>) => `${row.strategy} ${row.seed} ${row.round}`;
  return (await rowsOf(comparison, ROUNDS)).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** Bytes and times of all but the lock, which says who works there now. */
async function filesOf({ folder }: Comparison) {
  const files = await contentsOf(folder.path);
  files.delete('lock.json');
  return files;
}

const published = async ({ folder }: Comparison) => (await readdir(join(folder.path, 'networks'))).sort();

describe('strategies compared', () => {
  test('every run is in the tables, with full training', async () => {
    const rounds = await roundsOf(whole);
    expect(rounds.map(({ strategy, seed, round }) => `${strategy} ${seed} ${round}`)).toEqual([
      'full 1 0',
      'full 2 0',
      ...['rand', 'viewal'].flatMap((name) => [1, 2].flatMap((s) => [`${name} ${s} 0`, `${name} ${s} 1`])),
    ]);
    for (const row of rounds.filter(({ strategy }) => strategy === FULL)) expect(row.labelled_share).toBe(1);
    for (const row of rounds) expect(row.miou).not.toBeNull();
    const ranked = await rowsOf(whole, COMPARISON);
    expect(ranked.map(({ strategy }) => strategy).sort()).toEqual(['rand', 'viewal']);
    expect(ranked.map(({ rank, seeds, unfinished }) => [rank, seeds, unfinished])).toEqual([
      [1, 2, 0],
      [2, 2, 0],
    ]);
    const classes = await rowsOf(whole, REGION_CLASSES);
    expect(new Set(classes.map(({ strategy }) => strategy))).toEqual(new Set(['rand', 'viewal']));
    expect((await rowsOf(whole, RUNS)).every(({ finished, reason }) => finished && reason === null)).toBe(
      true,
    );
  });

  test('a run is what active learning alone makes of it', async () => {
    const alone = await learn(
      await openLearning(
        join(folder, 'alone'),
        recording,
        { ...QUICK, workers: 1, seed: 2 },
        { strategy: 'viewal', rounds: 1 },
      ),
    );
    const rounds = await roundsOf(whole);
    expect(rounds.filter(({ strategy, seed }) => strategy === 'viewal' && seed === 2)).toEqual(alone);
  });

  test('the page, its plots and what each strategy picked are there', async () => {
    const page = await readFile(join(whole.folder.path, 'compare.html'), 'utf8');
    expect(page).toContain('Strategies compared on rooms');
    expect(page).toContain('None: every run got to its last round.');
    expect(page).toContain('what rand picked of frame');
    expect(page).toContain('what viewal picked of frame');
    expect(page).toMatch(/viewal compare rooms --out runs\/again --strategies rand,viewal --seeds 2 /);
    const plots = await readdir(join(whole.folder.path, 'plots'));
    expect(plots).toEqual(expect.arrayContaining(['miou-by-share.svg', 'miou-by-share.png']));
    expect(plots.filter((file) => file.endsWith('.png')).length).toBe(plots.length / 2);
  });

  test('a network that several runs need is trained once, and superpixels are cut once', async () => {
    // Full training and the seed round, for each of two seeds.
    expect((await published(whole)).length).toBe(4);
    for (const seed of [1, 2]) {
      const [a, b] = await Promise.all(
        ['rand', 'viewal'].map(async (strategy) => {
          const round = runFolder(whole, { strategy, seed }).within('round-00');
          return {
            model: await digestsOf(round.modelFolder),
            history: await readParquet(round.runFile(HISTORY.name), HISTORY),
          };
        }),
      );
      expect(b).toEqual(a);
    }
    const files = [...(await filesOf(whole)).keys()];
    expect(
      files.filter((file) => file.includes('superpixels/')).every((file) => file.startsWith('shared/')),
    ).toBe(true);
  });

  test('says how far it is, a line a round', () => {
    const rounds = notes.filter((line) => /round \d/.test(line));
    expect(rounds.length).toBe(2 + 2 * 2 * 2);
    expect(rounds).toContainEqual(
      expect.stringMatching(/^viewal, seed 2, round 1: \d+\.\d % labelled, mIoU \d+\.\d %$/),
    );
    expect(rounds).toContainEqual(
      expect.stringMatching(/^full training, seed 1, round 0: 100\.0 % labelled/),
    );
  });

  test('done already, it changes nothing', async () => {
    const before = await filesOf(whole);
    const again = await open('whole');
    const { strategies, failed } = await compare(again);
    expect(failed).toEqual([]);
    expect(strategies.length).toBe(2);
    const { 'run.json': manifest, ...files } = Object.fromEntries(await filesOf(again));
    const { 'run.json': manifestBefore, ...filesBefore } = Object.fromEntries(before);
    expect(files).toEqual(filesBefore);
    expect(manifest.hash).toBe(manifestBefore.hash);
  });

  test('interrupted and gone on with, it ends as if nothing had happened; strategies may be left out and added', async () => {
    const interrupt = new AbortController();
    const first = listening((line) => {
      if (line.startsWith('rand, seed 2, round 0')) interrupt.abort();
    });
    const begun = await open(
      'interrupted',
      { strategies: 'rand' },
      { monitor: first.monitor, signal: interrupt.signal },
    );
    await expect(compare(begun)).rejects.toThrow(InterruptedError);
    const before = (await rowsOf(begun, RUNS)).filter(({ finished }) => finished).length;
    expect(before).toBeLessThan(4);

    const second = listening();
    await compare(await open('interrupted', { strategies: 'rand' }, { monitor: second.monitor }));
    const rounds = [...first.notes, ...second.notes].filter((line) => /round \d/.test(line));
    expect(rounds.length).toBe(6);
    expect(second.bars.map(({ total, done }) => [total, done])).toEqual([[6, 6]]);

    const third = listening();
    const added = await open('interrupted', { strategies: 'viewal' }, { monitor: third.monitor });
    await compare(added);
    expect(
      third.notes.filter((line) => /round \d/.test(line)).every((line) => line.startsWith('viewal')),
    ).toBe(true);
    expect(await roundsOf(added)).toEqual(await roundsOf(whole));
    expect(await published(added)).toEqual(await published(whole));
    expect(await rowsOf(added, COMPARISON)).toEqual(await rowsOf(whole, COMPARISON));
  });

  test('a run that fails is reported, the others finish, and it is tried again', async () => {
    const comparison = await open('failing', { seeds: '1' });
    // A file where the run's folder should be.
    const broken = runFolder(comparison, { strategy: 'viewal', seed: 1 }).path;
    await mkdir(dirname(broken), { recursive: true });
    await writeFile(broken, 'in the way');
    const { failed, strategies } = await compare(comparison);
    expect(failed).toMatchObject([
      { strategy: 'viewal', seed: 1, reason: expect.stringMatching(/to be a run folder, but it is a file/) },
    ]);
    expect(strategies.find(({ strategy }) => strategy === 'viewal')).toMatchObject({
      seeds: 0,
      unfinished: 1,
    });
    expect((await roundsOf(comparison)).map(({ strategy }) => strategy)).toEqual(['full', 'rand', 'rand']);
    const page = await readFile(join(comparison.folder.path, 'compare.html'), 'utf8');
    expect(page).toContain('to be a run folder, but it is a file');

    await rm(broken);
    expect((await compare(await open('failing', { seeds: '1' }))).failed).toEqual([]);
    const mine = (await roundsOf(whole)).filter(({ seed }) => seed === 1);
    expect(await roundsOf(comparison)).toEqual(mine);
  });
});

describe('options of a comparison', () => {
  test('strategies', () => {
    expect(parseStrategies('all')).toEqual(STRATEGIES);
    expect(parseStrategies('viewal, rand,viewal').map(({ name }) => name)).toEqual(['rand', 'viewal']);
    expect(() => parseStrategies('rand,best')).toThrow(
      /expected all, or some of rand,.*viewal.*; got "rand,best"/,
    );
  });

  test('seeds', () => {
    expect(parseSeeds('3')).toEqual([1, 2, 3]);
    expect(parseSeeds('5,1,5')).toEqual([5, 1]);
    expect(parseSeeds('0,7')).toEqual([0, 7]);
    for (const bad of ['0', 'x', '1,', '-1,2', '1.5', ''])
      expect(() => parseSeeds(bad)).toThrow(/expected how many/);
  });

  test('what all runs have in common stays', async () => {
    const change = openComparison(
      whole.folder.path,
      recording,
      { strategies: 'rand', seeds: '1' },
      { ...QUICK, steps: 3 },
      { rounds: 1 },
    );
    await expect(change).rejects.toThrow(/was begun with steps 2: choose another folder for steps 3/);
    const alone = openLearning(whole.folder.path, recording, QUICK, { strategy: 'rand' });
    await expect(alone).rejects.toThrow(/choose another folder/);
    await expect(
      openComparison(join(folder, 'alone'), recording, { strategies: 'rand', seeds: '1' }),
    ).rejects.toThrow(/holds a run of another kind/);
  });
});
