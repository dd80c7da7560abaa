import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { replay } from '../pipelines/replay.js';
import { infer, score, select } from '../pipelines/stages.js';
import { UserError } from '../src/errors.js';
import type { Monitor } from '../src/stages/monitor.js';
import { openRun } from '../src/stages/run.js';
import { trainStage } from '../src/stages/train.js';
import { readParquet } from '../src/tables/parquet.js';
import { FRAMES, SCORES, SELECTIONS } from '../src/tables/schemas.js';
import { contentsOf, digestsOf, QUICK, smallRecording, temporaryFolder } from './sample.js';

const RESULTS = ['points', 'scores', 'picks', 'selections', 'frames', 'incidences', 'metrics', 'history'];

/** Keeps what the user would have been told. */
function listen(): Monitor & { lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    note: (line) => lines.push(line),
    warn: (line) => lines.push(line),
    begin: () => ({ advance() {}, end() {} }),
    close() {},
  };
}

let recording: string;
let finished: string;

beforeAll(async () => {
  recording = await smallRecording();
  finished = join(await temporaryFolder(), 'run');
  await replay(await openRun(finished, QUICK, { recording }));
});

describe('a replay', () => {
  test('selects within the budget, best first, nothing labelled, no surface twice', async () => {
    const run = await openRun(finished, {}, { resume: true });
    const selections = (await readParquet(run.folder.runFile(SELECTIONS.name), SELECTIONS))!;
    expect(selections.length).toBe(6);
    expect(selections.map((row) => row.rank)).toEqual([1, 2, 3, 4, 5, 6]);
    for (const row of selections) expect(run.training.has(`${row.scene}/${row.frame}`)).toBe(false);
    for (let i = 1; i < 6; i++)
      expect(selections[i].trigger_entropy).toBeLessThanOrEqual(selections[i - 1].trigger_entropy);
    const scores = (await readParquet(run.folder.sceneFile(SCORES.name, 'room-000', 'parquet'), SCORES))!;
    const best = Math.max(
      ...scores.filter((row) => row.frame !== '000000').map((row) => row.view_entropy ?? 0),
    );
    const first = selections.find((row) => row.scene === 'room-000');
    if (first) expect(first.trigger_entropy).toBe(best);
  });

  test('does nothing again when nothing changed', async () => {
    const before = await contentsOf(finished, [...RESULTS, 'probabilities', 'superpixels', 'model']);
    await replay(await openRun(finished, QUICK, { recording }));
    expect(await contentsOf(finished, [...RESULTS, 'probabilities', 'superpixels', 'model'])).toEqual(before);
  });

  test('gives the same bytes with another number of workers', async () => {
    const other = join(await temporaryFolder(), 'run');
    await replay(await openRun(other, { ...QUICK, workers: 3 }, { recording }));
    expect(await digestsOf(other, RESULTS)).toEqual(await digestsOf(finished, RESULTS));
  });

  test('gives the same bytes stage by stage', async () => {
    const other = join(await temporaryFolder(), 'run');
    await trainStage(await openRun(other, QUICK, { recording }));
    await infer(await openRun(other, {}, { resume: true }));
    await score(await openRun(other, {}, { resume: true }));
    await select(await openRun(other, {}, { resume: true }));
    const stages = RESULTS.filter((table) => table !== 'metrics');
    expect(await digestsOf(other, stages)).toEqual(await digestsOf(finished, stages));
  });

  test('scoring before inferring stops with a sentence and spoils nothing', async () => {
    const other = join(await temporaryFolder(), 'run');
    await trainStage(await openRun(other, QUICK, { recording }));
    await expect(score(await openRun(other, {}, { resume: true }))).rejects.toThrow(/run viewal infer first/);
    await infer(await openRun(other, {}, { resume: true }));
    await select(await openRun(other, {}, { resume: true }));
    const tables = ['points', 'scores', 'selections'];
    expect(await digestsOf(other, tables)).toEqual(await digestsOf(finished, tables));
  });

  test('makes damaged tables of its own again', async () => {
    const files = Object.keys(await digestsOf(finished)).filter((name) =>
      /probabilities.*000001|incidences.*000001|scores.*room-000/.test(name),
    );
    expect(files.length).toBe(5);
    const before = await digestsOf(finished, RESULTS);
    for (const name of files) await writeFile(join(finished, name), 'no table');
    await writeFile(join(finished, 'points', 'scene=room-000', 'points.arrow'), 'no table');
    await replay(await openRun(finished, QUICK, { recording }));
    expect(await digestsOf(finished, RESULTS)).toEqual(before);
  });

  test('drops what it stored of scenes that are no longer in the recording', async () => {
    const copy = join(await temporaryFolder(), 'run');
    await cp(finished, copy, { recursive: true });
    const one = await smallRecording(1);
    await replay(await openRun(copy, QUICK, { recording: one }));
    expect(Object.keys(await digestsOf(copy)).filter((name) => name.includes('room-001'))).toEqual([]);
  });

  test('recomputes exactly what a changed option affects, and says so', async () => {
    const monitor = listen();
    const before = await contentsOf(finished);
    await replay(await openRun(finished, { ...QUICK, budget: '3superpixels' }, { recording, monitor }));
    const changed = [...(await contentsOf(finished))]
      .filter(([name, { mtime }]) => before.get(name)?.mtime !== mtime)
      .map(([name]) => name.split('/')[0]);
    expect([...new Set(changed)].sort()).toEqual(['picks', 'report.html', 'run.json', 'selections']);
    expect(monitor.lines.join()).toMatch(/budget 6superpixels → 3superpixels/);
    await replay(await openRun(finished, QUICK, { recording }));
  });

  test('exact pairwise scores replace those of the store, and only those', async () => {
    const other = join(await temporaryFolder(), 'run');
    await replay(await openRun(other, { ...QUICK, views: 'pairwise' }, { recording }));
    const [exact, fast] = [await digestsOf(other, RESULTS), await digestsOf(finished, RESULTS)];
    const differing = Object.keys(exact).filter((name) => exact[name] !== fast[name]);
    expect([...new Set(differing.map((name) => name.split('/')[0]))].sort()).toEqual([
      'picks',
      'scores',
      'selections',
    ]);
  });

  test("takes the user's own maps and superpixels, and then runs no network", async () => {
    const { probabilities, superpixels } = await ownFiles();
    const other = join(await temporaryFolder(), 'run');
    const run = await openRun(other, { ...QUICK, probabilities, superpixels }, { recording });
    const { selections } = await replay(run);
    expect(selections.length).toBe(6);
    const files = Object.keys(await digestsOf(other));
    expect(files.some((name) => name.startsWith('model') || name.startsWith('history'))).toBe(false);
    const scores = (await readParquet(run.folder.sceneFile(SCORES.name, 'room-000', 'parquet'), SCORES))!;
    // Halves of each frame, left and right.
    expect(scores.filter((row) => row.frame === '000001').map((row) => row.pixels)).toEqual([2400, 2400]);
  });

  test('takes files dropped in the run folder and leaves them as they are', async () => {
    const { probabilities } = await ownFiles();
    const other = join(await temporaryFolder(), 'run');
    const run = await openRun(other, QUICK, { recording });
    for (const entry of run.recording.frames) {
      const to = run.folder.frameFile('probabilities', entry, 'npy');
      await mkdir(join(to, '..'), { recursive: true });
      await cp(join(probabilities, `${entry.scene}_${entry.id}.npy`), to);
    }
    await replay(run);
    const named = join(await temporaryFolder(), 'run');
    await replay(await openRun(named, { ...QUICK, probabilities }, { recording }));
    for (const table of ['points', 'scores'])
      expect(await columns(other, table)).toEqual(await columns(named, table));
  });
});

/** Maps and halves for every frame, as a user might bring them. */
async function ownFiles(): Promise<{ probabilities: string; superpixels: string }> {
  const [probabilities, superpixels] = [await temporaryFolder(), await temporaryFolder()];
  const run = await openRun(finished, {}, { resume: true });
  for (const { scene, id } of run.recording.frames) {
    const values = new Float32Array(80 * 60 * 13).fill(1 / 13);
    for (let i = 0; i < 80 * 60; i++) {
      const shift = ((i * 7 + Number(id)) % 5) / 100;
      values[i * 13] += shift;
      values[i * 13 + 1] -= shift;
    }
    await writeFile(join(probabilities, `${scene}_${id}.npy`), npy('<f4', [60, 80, 13], values));
    const ids = Uint16Array.from({ length: 80 * 60 }, (_, i) => (i % 80 < 40 ? 7 : 3));
    await writeFile(join(superpixels, `${scene}_${id}.npy`), npy('<u2', [60, 80], ids));
  }
  return { probabilities, superpixels };
}

/** A version 1 npy file, by its specification. */
function npy(dtype: string, shape: readonly number[], data: Float32Array | Uint16Array): Uint8Array {
  const text = `{'descr': '${dtype}', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`;
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  return Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    Buffer.from(Uint16Array.of(header.length).buffer),
    Buffer.from(header),
    new Uint8Array(data.buffer),
  ]);
}

/** Rows of a scene table without the keys in its metadata. */
async function columns(folder: string, table: string): Promise<unknown> {
  const run = await openRun(folder, {}, { resume: true });
  if (table === 'scores') return readParquet(run.folder.sceneFile(table, 'room-000', 'parquet'), SCORES);
  const { readPoints } = await import('../src/tables/points-table.js');
  return readPoints(run.folder, 'room-000');
}

describe('bad input', () => {
  test('frames that cannot be used are reported, noted and left out; the rest is as without them', async () => {
    const damaged = await smallRecording(1, 5);
    const file = (id: string, ending: string) => join(damaged, 'room-000', `${id}.${ending}`);
    await writeFile(file('000001', 'pose.txt'), 'nan 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1');
    await rm(file('000002', 'depth.png'));
    const monitor = listen();
    const out = join(await temporaryFolder(), 'run');
    const run = await openRun(out, QUICK, { recording: damaged, monitor });
    await replay(run);
    expect(monitor.lines.join('\n')).toMatch(/skipped room-000\/000001: .*000001\.pose\.txt/);
    const rows = (await readParquet(run.folder.sceneFile(FRAMES.name, 'room-000', 'parquet'), FRAMES))!;
    expect(rows.map((row) => [row.frame, row.used])).toEqual([
      ['000000', true],
      ['000001', false],
      ['000002', false],
      ['000003', true],
      ['000004', true],
    ]);
    expect(rows[2].reason).toMatch(/depth/);

    const clean = await smallRecording(1, 5);
    for (const id of ['000001', '000002'])
      for (const ending of ['color.jpg', 'depth.png', 'pose.txt', 'label.png'])
        await rm(join(clean, 'room-000', `${id}.${ending}`), { force: true });
    const other = join(await temporaryFolder(), 'run');
    await replay(await openRun(other, QUICK, { recording: clean }));
    expect(await columns(out, 'points')).toEqual(await columns(other, 'points'));
    expect(await columns(out, 'scores')).toEqual(await columns(other, 'scores'));
  });

  test.each([
    [{ budget: 'lots' }, /budget such as/],
    [{ voxel: 5 }, /voxel: expected a voxel size/],
    [{ size: 'big' }, /size: expected a size such as 320x240/],
    [{ size: '0x0' }, /size: expected sides of 16 to 4096/],
    [{ probabilities: '/nowhere' }, /probabilities: there is no folder/],
    [{ width: 0.5 as 1 }, /width: expected a width of 0.35 or 1.0/],
    [{ views: 'all' as 'store' }, /views: expected store or pairwise/],
    [{ draws: -1 }, /draws/],
    [{ labelled: '99' }, /expected 1 to 8, the labelled frames/],
    [{ labelled: '/nowhere' }, /expected auto, all, a share/],
  ])('option %o stops at once with one sentence', async (options, message) => {
    const out = join(await temporaryFolder(), 'run');
    const failure = await openRun(out, { ...QUICK, ...options }, { recording }).catch((error) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect(failure.message).toMatch(message);
    expect(failure.message).not.toMatch(/\n/);
  });

  test('a folder that is no run, a file, and a run folder that is not there', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'thesis.tex'), '');
    await expect(openRun(folder, QUICK, { recording })).rejects.toThrow(/empty or a run folder/);
    await expect(openRun(join(folder, 'thesis.tex'), QUICK, { recording })).rejects.toThrow(/it is a file/);
    await expect(openRun(join(folder, 'none'), QUICK, { resume: true })).rejects.toThrow(
      /There is no run folder/,
    );
  });

  test('a recording without labels and without a model', async () => {
    const bare = await smallRecording(1, 2);
    for (const id of ['000000', '000001']) await rm(join(bare, 'room-000', `${id}.label.png`));
    await rm(join(bare, 'labelled.txt'));
    const out = join(await temporaryFolder(), 'run');
    await expect(replay(await openRun(out, QUICK, { recording: bare }))).rejects.toThrow(
      /no labelled frames to train on/,
    );
  });

  test('a full disk', async (context) => {
    const { existsSync } = await import('node:fs');
    if (!existsSync('/dev/full')) return context.skip('this system has no /dev/full');
    const { writeFileAtomically, writeAtomically } = await import('../src/files.js');
    const folder = await temporaryFolder();
    const failure = writeAtomically(join(folder, 'x'), async () => {
      await writeFile('/dev/full', 'x'.repeat(100));
    });
    await expect(failure).rejects.toThrow(/^The disk is full: could not write .*what is done is kept\.$/);
    await writeFileAtomically(join(folder, 'y'), 'fine');
  });
});
