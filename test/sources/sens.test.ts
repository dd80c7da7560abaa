import { appendFile, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  k4,
  rawDepth,
  type SensFrameBytes,
  type SensSettings,
  sens,
  sensHead,
  sensHeader,
  zlibDepth,
} from '../../bench/sens-builder.js';
import { openRecording } from '../../src/sources/open.js';
import { indexSens } from '../../src/sources/scannet/sens-file.js';
import { jpeg, png, png16, ramp, writeRecording } from './builders.js';
import { damaged, readWhatThereIs } from './damaged.js';
import { zip } from './zip-builder.js';

const SIZE = { width: 8, height: 6 };
const COLOUR = ramp(16 * 12 * 3, (i) => (i * 7) % 256);
const DEPTH = ramp(48, (i) => (i === 5 ? 0 : 1000 + 13 * i));
const POSE = [0, -1, 0, 1.5, 1, 0, 0, -2.25, 0, 0, 1, 0.75, 0, 0, 0, 1];
const LOST = Array.from({ length: 16 }, () => Number.NEGATIVE_INFINITY);
const TABLE =
  'id\traw_category\tcategory\tcount\tnyu40id\teigen13id\n1\twall\twall\t8277\t1\t12\n2\tchair\tchair\t4646\t5\t4\n1357\tcontrol panel\tcontrol panel\t1\t40\t7\n';

const SETTINGS: SensSettings = {
  depthIntrinsics: k4(7.5, 8.5, 3.25, 2.75),
  colourCompression: 1,
  colourSize: [16, 12],
  depthSize: [8, 6],
};

let colour: Buffer;
let frame: (values?: Partial<SensFrameBytes>) => SensFrameBytes;
beforeAll(() => {
  colour = png(16, 12, COLOUR, { type: 2 });
  let taken = 0;
  frame = (values) => {
    taken += 33_333;
    return {
      pose: POSE,
      colour,
      depth: zlibDepth(DEPTH),
      colourTime: taken + 5,
      depthTime: taken,
      ...values,
    };
  };
});

const three = () => [0, 1, 2].map((i) => frame({ depthTime: 2_000_000 + i * 33_333 }));

describe('a .sens file', () => {
  it('is read exactly: colour, depth, intrinsics, pose and time', async () => {
    const folder = await writeRecording({ 'scene0001_00.sens': sens(SETTINGS, three()) });
    const recording = await openRecording(join(folder, 'scene0001_00.sens'));
    expect(recording).toMatchObject({ format: 'sens', classes: [], bad: [], validationList: undefined });
    expect(recording.frames.map(({ scene, id, labelled }) => [scene, id, labelled])).toEqual([
      ['scene0001_00', '0', false],
      ['scene0001_00', '1', false],
      ['scene0001_00', '2', false],
    ]);
    const [, second] = recording.frames;
    const read = await recording.read(second!, { width: 16, height: 12 });
    expect(Uint8Array.from(read.colour)).toEqual(Uint8Array.from(COLOUR));
    expect(read.cameraToWorld).toEqual(Float64Array.from(POSE));
    expect(read.timestamp).toBeCloseTo(2.033333, 9);
    expect(await recording.readTime!(second!)).toBe(read.timestamp);
    expect(await recording.readPose!(second!)).toEqual(read.cameraToWorld);
    const atDepthSize = await recording.read(second!, SIZE);
    expect(atDepthSize.depth).toEqual(Float32Array.from(DEPTH, (value) => value / 1000));
    expect(atDepthSize.intrinsics).toEqual({ fx: 7.5, fy: 8.5, cx: 3.25, cy: 2.75 });
    expect(atDepthSize.labels).toBeUndefined();
  });

  it('is found in a folder, in a folder a scan, and in a flat folder', async () => {
    const file = sens(SETTINGS, [frame()]);
    for (const [files, scenes] of [
      [{ 'a.sens': file, 'a.txt': '' }, ['a']],
      [
        { 'scene0000_00/scene0000_00.sens': file, 'scene0000_01/scene0000_01.sens': file },
        ['scene0000_00', 'scene0000_01'],
      ],
      [{ 'scene10.sens': file, 'scene9.sens': file }, ['scene9', 'scene10']],
    ] as const) {
      const recording = await openRecording(await writeRecording(files));
      expect(recording.format).toBe('sens');
      expect(recording.frames.map(({ scene }) => scene)).toEqual(scenes);
    }
  });

  it('may have colour as JPEG or uncompressed, depth uncompressed, and other values a metre', async () => {
    const settings = { ...SETTINGS, depthCompression: 0, depthShift: 4000 };
    const folder = await writeRecording({
      'raw.sens': sens({ ...settings, colourCompression: 0 }, [
        // An odd number of bytes before the depth: values need not be aligned.
        frame({ colour: Uint8Array.from(COLOUR), depth: rawDepth(DEPTH) }),
      ]),
      'jpeg.sens': sens({ ...settings, colourCompression: 2, sensor: 'odd' }, [
        frame({ colour: await jpeg(16, 12, [200, 100, 50]), depth: rawDepth(DEPTH) }),
      ]),
    });
    const recording = await openRecording(folder);
    const [inJpeg, raw] = await Promise.all(
      recording.frames.map((entry) => recording.read(entry, { width: 16, height: 12 })),
    );
    expect(Uint8Array.from(raw!.colour)).toEqual(Uint8Array.from(COLOUR));
    const shades = inJpeg!.colour.map((value, i) => Math.abs(value - [200, 100, 50][i % 3]!));
    expect(Math.max(...shades)).toBeLessThan(4);
    const small = await recording.read(recording.frames[1]!, SIZE);
    expect(small.depth).toEqual(Float32Array.from(DEPTH, (value) => value / 4000));
  });

  it('reports a lost camera and a pose that is none, and reads the others', async () => {
    const folder = await writeRecording({
      'a.sens': sens(SETTINGS, [frame({ pose: LOST }), frame(), frame({ pose: POSE.map((x) => 2 * x) })]),
    });
    const recording = await openRecording(folder);
    expect(recording.frames.map(({ id }) => id)).toEqual(['1']);
    expect(recording.bad.map(({ id, file, reason }) => [id, file, reason])).toEqual([
      ['0', 'a.sens, frame 0', 'no pose: the camera was lost'],
      ['2', 'a.sens, frame 2', 'last row 0 0 0 2, expected 0 0 0 1'],
    ]);
  });

  it('has places for times where the file has none', async () => {
    const folder = await writeRecording({
      'a.sens': sens(SETTINGS, [frame({ depthTime: 0 }), frame({ depthTime: 0 })]),
    });
    const recording = await openRecording(folder);
    expect(recording.readTime).toBeUndefined();
    expect((await recording.read(recording.frames[1]!, SIZE)).timestamp).toBe(1);
    expect(recording.readColourDelay).toBeUndefined();
  });

  it('tells how much later colour was taken, where both have times', async () => {
    const of = (colourTimes: number[]) =>
      sens(
        SETTINGS,
        colourTimes.map((colourTime, i) => frame({ colourTime, depthTime: 2_000_000 + i * 33_333 })),
      );
    const both = await openRecording(await writeRecording({ 'a.sens': of([2_004_000, 2_030_000]) }));
    const delays = await Promise.all(both.frames.map((entry) => both.readColourDelay!(entry)));
    expect(delays[0]).toBeCloseTo(0.004, 9);
    expect(delays[1]).toBeCloseTo(-0.003333, 9);
    const none = await openRecording(await writeRecording({ 'a.sens': of([0, 0]) }));
    expect(none.readColourDelay).toBeUndefined();
  });

  it('loses only what was cut off', async () => {
    const whole = sens(SETTINGS, three());
    const folder = await writeRecording({ 'a.sens': whole });
    await truncate(join(folder, 'a.sens'), whole.length - 20);
    const recording = await openRecording(folder);
    expect(recording.frames.map(({ id }) => id)).toEqual(['0', '1']);
    expect(recording.bad).toEqual([
      {
        scene: 'a',
        id: '2',
        file: 'a.sens, frame 2',
        reason: 'the file is cut short or damaged here: 3 frames announced, 2 there',
      },
    ]);
  });

  it('changes the fingerprints of its frames when it changes, each frame having its own', async () => {
    const folder = await writeRecording({ 'a.sens': sens(SETTINGS, three()) });
    const fingerprints = async () =>
      (await openRecording(folder)).frames.map(({ fingerprint }) => fingerprint);
    const before = await fingerprints();
    expect(new Set(before).size).toBe(3);
    expect(await fingerprints()).toEqual(before);
    await appendFile(join(folder, 'a.sens'), 'x');
    for (const fingerprint of await fingerprints()) expect(before).not.toContain(fingerprint);
  });

  it.each<[string, Partial<SensSettings>]>([
    ['not a .sens file of version 4: its version reads 3', { version: 3 }],
    ['its depth is compressed by uplinksimple, expected zlib or none', { depthCompression: 2 }],
    ['colour compression 9, expected JPEG, PNG or none', { colourCompression: 9 }],
    ['a depth shift of 0, expected above 0', { depthShift: 0 }],
    ['images of 4000000000×12 pixels', { colourSize: [4_000_000_000, 12] }],
    ['focal lengths 0 and 0, expected both above 0', { depthIntrinsics: k4(0, 0, 0, 0) }],
  ])('is refused where nothing in it can be read: %s', async (reason, settings) => {
    const path = await writeRecording({ 'a.sens': sens({ ...SETTINGS, ...settings }, [frame()]) });
    await expect(openRecording(path)).rejects.toThrow(`${join(path, 'a.sens')}: ${reason}.`);
  });

  it('costs its own scan where there are others', async () => {
    const recording = await openRecording(
      await writeRecording({
        'scene0000_00/scene0000_00.sens': 'not one',
        'scene0000_01/scene0000_01.sens': sens(SETTINGS, [frame()]),
      }),
    );
    expect(recording.frames).toHaveLength(1);
    expect(recording.bad).toMatchObject([
      { scene: 'scene0000_00', file: 'scene0000_00/scene0000_00.sens', reason: 'too short for a .sens file' },
    ]);
  });
});

describe('what a .sens file may ask for', () => {
  it('is no more than depth of its size, however far its bytes inflate', async () => {
    const bomb = deflateSync(Buffer.alloc(2 ** 26));
    const path = await writeRecording({
      'a.sens': sens(SETTINGS, [frame({ depth: bomb }), frame({ depth: zlibDepth([1]) })]),
    });
    const recording = await openRecording(path);
    await expect(recording.read(recording.frames[0]!, SIZE)).rejects.toThrow(
      'a.sens, frame 0, depth: inflates to more than 96 bytes',
    );
    await expect(recording.read(recording.frames[1]!, SIZE)).rejects.toThrow(
      'a.sens, frame 1, depth: 2 bytes, expected 96 for 8×6',
    );
  });

  it('is within the file: sizes, and the number of frames', async () => {
    const head = sensHead({ pose: POSE }, 2 ** 40, 10);
    for (const file of [
      Buffer.concat([sensHeader(SETTINGS, 2 ** 50), head]),
      Buffer.concat([sensHeader({ ...SETTINGS, sensor: 'x'.repeat(5000) }, 1), head]),
    ]) {
      const path = await writeRecording({ 'a.sens': file });
      await expect(openRecording(path)).rejects.toThrow(
        /cut short or damaged here|a sensor name of 5000 bytes/,
      );
    }
  });

  it('is an index of 16 bytes a frame, whatever lies between their heads', async () => {
    // 5000 frames of 300 kB, most of it holes in the file.
    const path = join(await writeRecording({}), 'a.sens');
    const [colourBytes, depthBytes] = [200_000, 100_000];
    await writeFile(path, sensHeader(SETTINGS, 5000));
    const file = await open(path, 'r+');
    const first = sensHeader(SETTINGS, 5000).length;
    const step = 96 + colourBytes + depthBytes;
    for (let i = 0; i < 5000; i++) {
      await file.write(
        sensHead({ pose: POSE, depthTime: i }, colourBytes, depthBytes),
        0,
        96,
        first + i * step,
      );
    }
    await file.truncate(first + 5000 * step);
    await file.close();
    const index = await indexSens(path);
    expect(index.count).toBe(5000);
    expect(index.bad).toEqual([]);
    expect(index.offsets[4999]).toBe(first + 4999 * step);
    expect(index.offsets.byteLength + index.sizes.byteLength).toBe(16 * 5000);
  });
});

describe('labels beside a .sens file', () => {
  const NYU40 = ramp(48, (i) => [0, 1, 5, 40, 200][i % 5]!);
  const CLASSES = Uint8Array.from(NYU40, (id) => (id >= 1 && id <= 40 ? id - 1 : 255));
  const RAW = ramp(48, (i) => [0, 1, 2, 1357, 999][i % 5]!);
  const RAW_CLASSES = Uint8Array.from(RAW, (id) => ({ 1: 0, 2: 4, 1357: 39 })[id] ?? 255);

  it.each([
    ['label-filt/1.png', 'filtered, in a folder'],
    ['label/000001.png', 'in a folder, numbers padded'],
    ['a_2d-label-filt/label-filt/1.png', 'in the folder an archive unpacks to'],
    ['a_2d-label/1.png', 'in a folder called after the archive'],
  ])('are taken from %s', async (name) => {
    const recording = await openRecording(
      await writeRecording({ 'a.sens': sens(SETTINGS, three()), [name]: png(8, 6, NYU40) }),
    );
    expect(recording.classes).toHaveLength(40);
    expect(recording.frames.map(({ labelled }) => labelled)).toEqual([false, true, false]);
    expect((await recording.read(recording.frames[1]!, SIZE)).labels).toEqual(CLASSES);
    expect(recording.frames[0]!.labelFingerprint).toBe('');
    expect(recording.frames[1]!.labelFingerprint).toMatch(/^[0-9a-f]{16}$/);
  });

  it('are translated from ScanNet ids by the table in the root of its download, out of the archive as it is', async () => {
    const labels = { 'label-filt/0.png': png16(8, 6, RAW), 'label-filt/1.png': png16(8, 6, RAW) };
    const root = await writeRecording({
      'scannetv2-labels.combined.tsv': TABLE,
      'scans/scene0000_00/scene0000_00.sens': sens(SETTINGS, [frame(), frame()]),
      'scans/scene0000_00/scene0000_00_2d-label-filt.zip': zip({
        'label-filt/': new Uint8Array(),
        'label-filt/0.png': { content: labels['label-filt/0.png'], deflated: true },
        'label-filt/1.png': labels['label-filt/1.png'],
      }),
    });
    for (const path of ['scans', 'scans/scene0000_00', 'scans/scene0000_00/scene0000_00.sens']) {
      const recording = await openRecording(join(root, path));
      for (const entry of recording.frames) {
        expect(entry.labelled).toBe(true);
        expect((await recording.read(entry, SIZE)).labels).toEqual(RAW_CLASSES);
      }
    }
  });

  it('are not guessed at where the table is missing or no table, or kinds are mixed', async () => {
    const file = sens(SETTINGS, [frame(), frame()]);
    const raw = { 'a.sens': file, 'label-filt/0.png': png16(8, 6, RAW) };
    await expect(openRecording(await writeRecording(raw))).rejects.toThrow(
      /^label-filt\/0\.png holds ScanNet's own label ids \(16 bits\): expected scannetv2-labels\.combined\.tsv/,
    );
    await expect(
      openRecording(await writeRecording({ ...raw, 'scannetv2-labels.combined.tsv': 'a\tb\n1\t2\n' })),
    ).rejects.toThrow('expected a table with columns id and nyu40id.');
    await expect(
      openRecording(
        await writeRecording({
          'scannetv2-labels.combined.tsv': TABLE,
          'scene0000_00/a.sens': file,
          'scene0000_00/label/0.png': png16(8, 6, RAW),
          'scene0000_01/b.sens': file,
          'scene0000_01/label/0.png': png(8, 6, NYU40),
        }),
      ),
    ).rejects.toThrow('expected one kind in a recording.');
  });

  it('that lie in a folder shared by scans are no scan’s', async () => {
    const file = sens(SETTINGS, [frame()]);
    const recording = await openRecording(
      await writeRecording({ 'a.sens': file, 'b.sens': file, 'label/0.png': png(8, 6, NYU40) }),
    );
    expect(recording.frames.map(({ labelled }) => labelled)).toEqual([false, false]);
  });

  it('of an archive that claims too much are refused', async () => {
    const path = await writeRecording({
      'a.sens': sens(SETTINGS, [frame(), frame()]),
      'a_2d-label.zip': zip({
        'label/0.png': png(8, 6, NYU40),
        'label/1.png': { content: Buffer.alloc(2 ** 25 + 1), deflated: true },
      }),
    });
    const recording = await openRecording(path);
    await expect(recording.read(recording.frames[1]!, SIZE)).rejects.toThrow(
      'a_2d-label.zip, label/1.png: 33554433 bytes, expected at most 33554432',
    );
  });

  it('choose among networks in the validation scenes of the official split', async () => {
    const file = sens(SETTINGS, [frame(), frame()]);
    const path = await writeRecording({
      'scannetv2_val.txt': 'scene0011_00\nscene0000_01\n',
      'scannetv2_train.txt': 'scene0000_00\n',
      'scans/scene0000_00/scene0000_00.sens': file,
      'scans/scene0000_01/scene0000_01.sens': file,
    });
    const recording = await openRecording(join(path, 'scans'));
    expect(recording.labelledList).toBeUndefined();
    expect(recording.validationList).toEqual(new Set(['scene0000_01/0', 'scene0000_01/1']));
    expect((await openRecording(join(path, 'scans/scene0000_00'))).validationList).toBeUndefined();
  });
});

describe('damage', () => {
  it('to a .sens file costs frames, or is reported', async () => {
    const content = sens(SETTINGS, three());
    const folder = await writeRecording({ 'a.sens': content });
    expect(await readWhatThereIs(folder)).toEqual({ read: 3, reports: [] });
    for (const bytes of damaged(content)) {
      await writeFile(join(folder, 'a.sens'), bytes);
      const { read, reports } = await readWhatThereIs(folder);
      expect(read).toBeLessThanOrEqual(3);
      if (bytes.length < content.length - 8) expect(reports).not.toEqual([]);
      for (const report of reports) expect(report).toMatch(/^\S[^\n]*$/);
    }
  });

  it('to an archive of labels costs labelled frames, or is reported', async () => {
    const archive = zip({ 'label/0.png': png(8, 6, ramp(48)), 'label/1.png': png(8, 6, ramp(48)) });
    const folder = await writeRecording({ 'a.sens': sens(SETTINGS, three()), 'a_2d-label.zip': archive });
    for (const bytes of damaged(archive)) {
      await writeFile(join(folder, 'a_2d-label.zip'), bytes);
      expect((await readWhatThereIs(folder)).read).toBeLessThanOrEqual(3);
    }
  });
});
