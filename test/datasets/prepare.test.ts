import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { preparedText } from '../../src/cli/dataset-text.js';
import { matterport3d } from '../../src/datasets/matterport3d.js';
import { prepareScene } from '../../src/datasets/prepare-scene.js';
import { scannet } from '../../src/datasets/scannet.js';
import { BadFrameError, UserError } from '../../src/errors.js';
import { frameName } from '../../src/frame.js';
import { random } from '../../src/random.js';
import { openRecording } from '../../src/sources/open.js';
import { type PrepareOptions, prepareDataset } from '../../src/stages/prepare-dataset.js';
import { NYU13 } from '../../src/synth/classes.js';
import { contentsOf, digestsOf, SAMPLE, temporaryFolder } from '../sample.js';
import { addScan, SCANS, scanDownload } from './scans.js';

const CLI = resolve('dist/src/cli/main.js');
const SMALL = { width: 80, height: 60 };

async function prepare(download: string, more: Partial<PrepareOptions> = {}) {
  const out = more.out ?? join(await temporaryFolder(), 'prepared');
  return prepareDataset({ dataset: scannet, download, size: SMALL, workers: 1, ...more, out });
}

const names = (frames: readonly { scene: string; id: string }[]) => frames.map(frameName);

test('the frames of the subset, at the working size, by what they are for', async () => {
  const prepared = await prepare(await scanDownload());
  const multiples = ['0', '35', '70', '105', '140'];
  expect(names(prepared.training)).toEqual(
    ['scene0001_00', 'scene0001_01'].flatMap((scene) => multiples.map((id) => `${scene}/${id}`)),
  );
  expect(names(prepared.validation)).toEqual(['scene0003_00/0', 'scene0003_00/140']);
  expect(names(prepared.test)).toEqual(multiples.map((id) => `scene0011_00/${id}`));
  expect(prepared).toMatchObject({ written: 17, leftOut: 0 });
  const list = (file: string) => readFile(join(prepared.out, file), 'utf8');
  expect(await list('validation.txt')).toBe('scene0003_00\n');
  expect(await list('test.txt')).toBe('scene0011_00\n');
  // 1.5 % of ten images is less than one: one there is.
  expect(prepared.seeds.length).toBe(1);
  expect(await list('labelled.txt')).toBe(`${frameName(prepared.seeds[0])}\n`);
  expect(existsSync(join(prepared.out, 'left-out.txt'))).toBe(false);
  expect(preparedText(prepared)).toContain(
    'holds 17 frames, 17 of them prepared now: 10 of 2 scenes for training, 2 of 1 scene for validation (validation.txt), 5 of 1 scene for test (test.txt).',
  );
});

test('what is read of it is what the download holds: depth to the millimetre, colour within JPEG', async () => {
  const download = await scanDownload(SCANS.slice(0, 1));
  const { out } = await prepare(download);
  const recording = await openRecording(out);
  const source = await openRecording(join(download, 'scans', SCANS[0]));
  expect(recording.format).toBe('own');
  expect(recording.classes).toEqual(scannet.classes);
  expect(recording.labelledList?.size).toBe(1);
  const classes = NYU13.map((name) => scannet.classes!.indexOf(name));
  for (const entry of recording.frames) {
    const read = await recording.read(entry, SMALL);
    const original = await source.read(source.frames.find(({ id }) => id === entry.id)!, SMALL);
    expect(read.cameraToWorld).toEqual(original.cameraToWorld);
    expect(read.intrinsics).toEqual(original.intrinsics);
    expect(read.depth).toEqual(original.depth.map((z) => Math.round(z * 1000) / 1000));
    // Classes keep their names; those that NYU40 has not are unlabelled.
    expect(read.labels).toEqual(original.labels?.map((label) => (classes[label] ?? -1) & 255));
    let squares = 0;
    read.colour.forEach((value, i) => {
      squares += (value - original.colour[i]) ** 2;
    });
    expect(Math.sqrt(squares / read.colour.length)).toBeLessThan(3);
  }
});

test('any number of threads writes the same files', async () => {
  const download = await scanDownload();
  const [one, three] = [await prepare(download), await prepare(download, { workers: 3 })];
  expect(await digestsOf(three.out)).toEqual(await digestsOf(one.out));
});

test('killed at any moment and started again, it ends as if nothing had happened and repeats nothing', async () => {
  const download = await scanDownload();
  const run = (out: string, killAfter?: number) =>
    new Promise<boolean>((done, fail) => {
      const child = spawn(process.execPath, [CLI, 'dataset', 'prepare', 'scannet', download, '--out', out]);
      let output = '';
      child.stderr.on('data', (text) => {
        output += text;
      });
      const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
      child.on('exit', (code, signal) => {
        clearTimeout(timer);
        if (code !== 0 && signal !== 'SIGKILL') fail(new Error(`ended with ${code ?? signal}: ${output}`));
        else done(code === 0);
      });
    });
  const whole = join(await temporaryFolder(), 'prepared');
  const start = performance.now();
  await run(whole);
  const duration = performance.now() - start;

  const killed = join(await temporaryFolder(), 'prepared');
  const next = random(5);
  let kills = 0;
  let before = new Map<string, { mtime: number }>();
  for (let attempt = 0; attempt < 12; attempt++) {
    const finished = await run(killed, duration * (0.4 + 0.5 * next()));
    if (!existsSync(killed)) continue;
    const after = await contentsOf(killed);
    // A frame that was there whole stays as it is; of another, what is there may be written again.
    const parts = ['color.jpg', 'depth.png', 'pose.txt', 'label.png'];
    for (const [name] of before) {
      const frame = /^(.+)\.pose\.txt$/.exec(name)?.[1];
      if (frame === undefined || !parts.every((part) => before.has(`${frame}.${part}`))) continue;
      for (const part of parts)
        expect(after.get(`${frame}.${part}`)?.mtime).toBe(before.get(`${frame}.${part}`)?.mtime);
    }
    // Half a folder is no recording.
    expect(after.has('recording.json')).toBe(finished || after.has('test.txt'));
    if (finished) break;
    kills++;
    before = after;
  }
  await run(killed);
  expect(kills).toBeGreaterThan(0);
  expect(await digestsOf(killed)).toEqual(await digestsOf(whole));
});

test('half a folder is no recording, and a folder that is added to is none until it is done', async () => {
  const download = await scanDownload(SCANS.slice(0, 1));
  const { out } = await prepare(download);
  await addScan(download, SCANS[3]);
  const full = prepare(download, { out }).then(
    () => {},
    (error: unknown) => error,
  );
  while (!existsSync(join(out, SCANS[3]))) await new Promise((done) => setTimeout(done, 1));
  const isOpen = existsSync(join(out, 'recording.json'));
  const isDone = existsSync(join(out, 'test.txt'));
  expect(isOpen && !isDone).toBe(false);
  expect(await full).toBeUndefined();
  expect((await openRecording(out)).frames.length).toBe(10);
});

test('a download may come in parts: each call adds to what is there', async () => {
  const whole = await prepare(await scanDownload());
  const download = await scanDownload(SCANS.slice(0, 2));
  const { out } = await prepare(download);
  await rm(join(download, 'scans'), { recursive: true });
  for (const scan of SCANS.slice(2)) await addScan(download, scan);
  expect(await prepare(download, { out })).toMatchObject({ written: 7 });
  expect(await digestsOf(out)).toEqual(await digestsOf(whole.out));
  expect(await prepare(download, { out })).toMatchObject({ written: 0 });
});

test('bad frames are left out, with the reason, and tried again by the next call', async () => {
  const download = await scanDownload(SCANS.slice(0, 1));
  const file = (name: string) => join(download, 'scans', SCANS[0], SCANS[0], name);
  const depth = await readFile(file('0.depth.png'));
  await writeFile(file('0.depth.png'), depth.subarray(0, 100));
  await writeFile(file('35.pose.txt'), '-inf '.repeat(16));
  await rm(file('70.color.jpg'));
  await rm(file('7.color.jpg')); // no frame of the subset
  const warnings: string[] = [];
  const { monitor } = { monitor: { ...(await import('../../src/stages/monitor.js')).SILENT } };
  monitor.warn = (line) => warnings.push(line);
  const out = join(await temporaryFolder(), 'prepared');
  const options = { dataset: scannet, download, out, size: SMALL, workers: 1 };
  const prepared = await prepareDataset(options, { monitor });
  expect(prepared).toMatchObject({ written: 2, leftOut: 3 });
  expect(names(prepared.training)).toEqual(['scene0001_00/105', 'scene0001_00/140']);
  const lines = (await readFile(join(out, 'left-out.txt'), 'utf8')).trim().split('\n');
  expect(lines.map((line) => line.split(' ')[0])).toEqual([
    'scene0001_00/0',
    'scene0001_00/35',
    'scene0001_00/70',
  ]);
  expect(lines[2]).toMatch(/70\.color\.jpg: missing/);
  expect(warnings).toEqual(lines.map((line) => `left out ${line}`));
  expect(preparedText(prepared)).toContain('3 frames could not be used; left-out.txt says why.');

  await writeFile(file('0.depth.png'), depth);
  expect(await prepareDataset(options)).toMatchObject({ written: 1, leftOut: 2 });
});

test('a scan that cannot be opened costs that scan alone', async () => {
  const download = await scanDownload(SCANS.slice(0, 2));
  await writeFile(join(download, 'scans', SCANS[0], 'recording.json'), '{');
  expect(names((await prepare(download)).training).every((name) => name.startsWith(SCANS[1]))).toBe(true);
});

test('frames whose labels come later are prepared anew, with them', async () => {
  const download = await scanDownload(SCANS.slice(0, 1));
  const labels = join(download, 'scans', SCANS[0], SCANS[0]);
  const label = await readFile(join(labels, '35.label.png'));
  for (const id of [0, 7, 35, 70, 105, 140]) await rm(join(labels, `${id}.label.png`));
  const without = await prepare(download);
  expect(without.seeds).toEqual([]);
  expect(existsSync(join(without.out, 'labelled.txt'))).toBe(false);
  expect(preparedText(without)).toContain('No frame has labels');
  expect((await openRecording(without.out)).classes).toEqual([]);
  await writeFile(join(labels, '35.label.png'), label);
  const withOne = await prepare(download, { out: without.out });
  expect(withOne).toMatchObject({ written: 1 });
  expect(names(withOne.seeds)).toEqual(['scene0001_00/35']);
  expect(preparedText(withOne)).toContain('4 frames came without labels');
});

test('exactly the frames of the published lists, with their seed set', async () => {
  const download = await scanDownload();
  const selections = await temporaryFolder();
  await writeFile(
    join(selections, 'train_frames.txt'),
    'scene0001_00_000007\nscene0001_01_000105\nscene0001_01_000140\nscene0999_00_000000\n',
  );
  await writeFile(join(selections, 'val_frames.txt'), 'scene0003_00_000035\nscene0011_00_000070\n');
  await writeFile(join(selections, 'seedset_0_frames.txt'), 'scene0001_01_000105\n');
  const prepared = await prepare(download, { selections });
  expect(names(prepared.training)).toEqual(['scene0001_00/7', 'scene0001_01/105', 'scene0001_01/140']);
  expect(names(prepared.validation)).toEqual(['scene0003_00/35']);
  expect(names(prepared.test)).toEqual(['scene0011_00/70']);
  expect(names(prepared.seeds)).toEqual(['scene0001_01/105']);
  // Another choice of frames does not go into the same folder.
  await expect(prepare(download, { out: prepared.out })).rejects.toThrow('begun with another data set');
  await expect(prepare(download, { selections: download })).rejects.toThrow('holds no published lists');
  await expect(prepare(download, { selections, dataset: matterport3d })).rejects.toThrow(
    'name no file of a download',
  );
});

test('seeds draw seed sets, the same one the same', async () => {
  const download = await scanDownload(SCANS.slice(0, 2));
  const { out, seeds } = await prepare(download);
  const others = await Promise.all([2, 3, 4, 5].map((seed) => prepare(download, { seed })));
  expect(new Set(others.flatMap((other) => names(other.seeds))).size).toBeGreaterThan(1);
  expect((await prepare(download, { out, seed: 2 })).seeds).toEqual(others[0].seeds);
  expect((await prepare(download, { out })).seeds).toEqual(seeds);
});

test('what cannot be done is said before anything is written', async () => {
  const download = await scanDownload(SCANS.slice(0, 1));
  const out = join(await temporaryFolder(), 'prepared');
  const options = { dataset: scannet, download, out, size: SMALL, workers: 1 };
  await expect(prepareDataset(options, { freeBytes: async () => 10_000 })).rejects.toThrow(
    /needs about 0\.0 GB more, and its disk has 0\.0 GB free/,
  );
  expect(existsSync(join(out, SCANS[0]))).toBe(false);
  await expect(prepare(join(download, 'nowhere'))).rejects.toThrow(UserError);
  await expect(prepare(SAMPLE)).rejects.toThrow('None of the 60 frames');
  const foreign = await temporaryFolder();
  await mkdir(join(foreign, 'photos'));
  await expect(prepare(download, { out: foreign })).rejects.toThrow('holds photos');
  await expect(prepare(await scanDownload([SCANS[4]]))).rejects.toThrow('belongs to the subset');
});

test('a frame whose camera is not that of its scene keeps it', async () => {
  const out = await temporaryFolder();
  const sample = await openRecording(SAMPLE);
  const frames = sample.frames.slice(0, 4);
  const focal = (id: string) => (id === frames[2].id ? 111 : 100);
  const zoomed = {
    ...sample,
    read: async (entry: (typeof frames)[number], size: typeof SMALL) => {
      if (entry === frames[0]) throw new BadFrameError('a file', 'unreadable');
      const frame = await sample.read(entry, size);
      return { ...frame, intrinsics: { ...frame.intrinsics, fx: focal(entry.id) } };
    },
  };
  const scene = frames[0].scene;
  const labels = sample.classes.map((_, label) => label);
  await prepareScene(zoomed, frames, { out, scene, size: SMALL, labels }, () => {});
  await writeFile(join(out, 'recording.json'), JSON.stringify({ classes: sample.classes }));
  const prepared = await openRecording(out);
  expect(prepared.frames.map(({ id }) => id)).toEqual(frames.slice(1).map(({ id }) => id));
  for (const entry of prepared.frames)
    expect((await prepared.read(entry, SMALL)).intrinsics.fx).toBe(focal(entry.id));
});
