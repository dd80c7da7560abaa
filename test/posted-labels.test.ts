import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { frameName, IGNORE } from '../src/frame.js';
import { loadNetwork } from '../src/model/checkpoint.js';
import { openRecording } from '../src/sources/open.js';
import type { Recording } from '../src/sources/recording.js';
import { liveLabelTable } from '../src/stages/live/tables.js';
import type { RunOptions } from '../src/stages/options.js';
import { openRun } from '../src/stages/run.js';
import { trainStage } from '../src/stages/train.js';
import { withPostedLabels } from '../src/stages/training/posted-labels.js';
import { seeds } from '../src/superpixels/seeds.js';
import { superpixelTable, trainingLabelTable } from '../src/tables/frame-tables.js';
import { RunFolder } from '../src/tables/run-folder.js';
import { smallRecording, temporaryFolder } from './sample.js';

const SIZE = { width: 80, height: 60 };
const PIXELS = SIZE.width * SIZE.height;
const TINY: Partial<RunOptions> = { steps: 2, batch: 2, crop: '32x32' };

let recording: Recording;
let live: string;
let post: (frame: string, superpixel: number, name: string) => Promise<void>;

beforeAll(async () => {
  recording = await openRecording(await smallRecording(2, 4));
});

/** The folder of a live run that looked at all frames: what of it bears on labels. */
beforeEach(async () => {
  live = join(await temporaryFolder(), 'live');
  const folder = RunFolder.inside(live);
  await mkdir(join(live, 'incidences'), { recursive: true });
  await folder.writeManifest({ recording: recording.path, options: { size: '80x60', model: null } });
  for (const entry of recording.frames) {
    const { colour } = await recording.read(entry, SIZE);
    await superpixelTable(folder).write(entry, 'key', seeds(colour, SIZE, { count: 12 }));
  }
  const table = liveLabelTable({ folder });
  post = async (frame, superpixel, name) => {
    const [scene, id] = frame.split('/') as [string, string];
    const row = { scene, frame: id, superpixel, label: recording.classes.indexOf(name), class: name };
    await table.write((await table.last()) + 1, [row]);
  };
});

async function opened(given: Partial<RunOptions> = {}, from?: string) {
  const lines: string[] = [];
  const monitor = {
    ...{ note: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) },
    ...{ begin: () => ({ advance() {}, end() {} }), close() {} },
  };
  const out = join(await temporaryFolder(), 'out');
  const run = await openRun(
    out,
    { ...TINY, labels: live, ...given },
    { monitor, ...(from ? { recording: from } : {}) },
  );
  return { run: await withPostedLabels(run), lines };
}

const idsOf = async (frame: string) => {
  const [scene, id] = frame.split('/') as [string, string];
  return (await superpixelTable(RunFolder.inside(live)).read({ scene, id }))!.ids;
};
const entryOf = (name: string) => recording.frames.find((entry) => frameName(entry) === name)!;

describe('labels posted to a live run', () => {
  test('are trained on, over the recording’s own, at the live run’s size', async () => {
    const [own, other] = ['room-000/000000', 'room-001/000002'];
    await post(own, 3, 'chair');
    await post(other, 2, 'table');
    await post(other, 5, 'chair');
    await post(other, 5, 'wall'); // taken back
    const { run } = await opened();
    expect(run.options.size).toBe('80x60');
    expect(run.recording.path).toBe(recording.path);

    const label = (name: string) => run.recording.classes.indexOf(name);
    const [ownIds, otherIds] = [await idsOf(own), await idsOf(other)];
    const truth = (await recording.read(entryOf(own), SIZE)).labels!;
    const trained = await run.trainingLabels!.of(entryOf(own));
    const { origin } = (await trainingLabelTable(run.folder).read(entryOf(own)))!;
    for (let i = 0; i < PIXELS; i++) {
      const expected = ownIds[i] === 3 ? label('chair') : truth[i];
      if (expected !== IGNORE) expect([trained[i], origin[i]]).toEqual([expected, 1]);
    }
    // Frame 0 of the other room is on the recording's list; frame 2 is labelled by what was posted alone.
    const posted = (await trainingLabelTable(run.folder).read(entryOf(other)))!;
    for (let i = 0; i < PIXELS; i++) {
      if (otherIds[i] === 2) expect([posted.label[i], posted.origin[i]]).toEqual([label('table'), 1]);
      else if (otherIds[i] === 5) expect([posted.label[i], posted.origin[i]]).toEqual([label('wall'), 1]);
      else expect([IGNORE, 2]).toContain(posted.label[i] === IGNORE ? IGNORE : posted.origin[i]);
    }
    const network = await loadNetwork(await trainStage(run));
    expect(network.classNames).toEqual(recording.classes);
  });

  test('are carried to other views of the surface', async () => {
    const from = 'room-000/000001';
    const ids = await idsOf(from);
    for (const superpixel of new Set(ids)) await post(from, superpixel, 'floor');
    const { run, lines } = await opened({ labelled: await emptyList(), voxel: 0.08 });
    expect(run.training.has('room-000/000002')).toBe(true);
    expect(run.training.has('room-001/000000')).toBe(false);
    const carried = await run.trainingLabels!.of(entryOf('room-000/000002'));
    const floor = run.recording.classes.indexOf('floor');
    expect(carried.filter((label) => label === floor).length).toBeGreaterThan(PIXELS / 10);
    expect(carried.every((label) => label === floor || label === IGNORE)).toBe(true);
    expect(lines.at(-1)).toMatch(/^\d+ labels of .* are trained on, carried to \d+ frames/);
  });

  test('change what is trained when one more is given', async () => {
    await post('room-000/000001', 1, 'floor');
    const first = (await opened()).run.trainingLabels!.key;
    expect((await opened()).run.trainingLabels!.key).toBe(first);
    await post('room-000/000001', 2, 'floor');
    expect((await opened()).run.trainingLabels!.key).not.toBe(first);
  });

  test('are refused in a sentence where they are of something else', async () => {
    await expect(opened()).rejects.toThrow(`Nobody has labelled anything in ${live}`);
    await post('room-000/000001', 1, 'floor');
    await expect(opened({ size: '40x30' })).rejects.toThrow('are superpixels at 80x60, got 40x30');
    await post('room-000/000001', 1, 'spaceship');
    await expect(opened()).rejects.toThrow('has labels of a class "spaceship"');
    await rm(join(live, 'live_labels'), { recursive: true });
    await post('room-000/000009', 1, 'floor');
    await expect(opened()).rejects.toThrow('has labels of room-000/000009, which');
    await expect(opened({ labels: recording.path })).rejects.toThrow('is no run folder of viewal live');
    await expect(opened({ labels: join(live, 'none') })).rejects.toThrow('Option labels: there is no folder');
  });
});

/** Names no frame, in the place of the recording's list. */
async function emptyList(): Promise<string> {
  const file = join(await temporaryFolder(), 'list.txt');
  await writeFile(file, '');
  return file;
}
