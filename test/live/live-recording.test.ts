import { mkdir, readdir, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { encodeFrames } from '../../src/live/frame-message.js';
import { LiveRecording } from '../../src/live/live-recording.js';
import { openRecording } from '../../src/sources/open.js';
import { temporaryFolder } from '../sample.js';
import { bytesOf, HEIGHT, LABEL, newRecording, poseAt, sentFrame, WIDTH } from './frames.js';

const SIZE = { width: WIDTH, height: HEIGHT };

test('frames added are there at once, and again when it is opened anew', async () => {
  const folder = await temporaryFolder();
  const recording = await LiveRecording.open(folder, { classes: ['wall', 'floor'] });
  const added = [
    await recording.add(sentFrame({ id: '10', cameraToWorld: poseAt(1) })),
    await recording.add(sentFrame({ id: '9', label: LABEL })),
    await recording.add(sentFrame({ scene: '../up/ü %', id: '..' })),
  ];
  expect(recording.frames).toEqual(added);
  expect(recording.frames.map(({ id, labelled }) => [id, labelled])).toEqual([
    ['10', false],
    ['9', true],
    ['..', false],
  ]);
  const stored: unknown[] = [];
  const again = await LiveRecording.open(folder, { onStored: (frame) => stored.push(frame) });
  expect(again.classes).toEqual(['wall', 'floor']);
  expect(again.frames).toEqual([added[2], added[1], added[0]]);
  expect(again.bytes).toBe(recording.bytes);
  expect(again.scenes).toBe(2);
  expect(stored.at(-1)).toEqual({ scene: 'room', cameraToWorld: poseAt(1) });
  // As a batch run has it.
  const batch = await openRecording(folder);
  expect(batch.format).toBe('live');
  expect(batch.frames).toEqual(again.frames);
  for (const entry of batch.frames) {
    const frame = await recording.read(entry, SIZE);
    expect(await batch.read(entry, SIZE)).toEqual(frame);
    for (const stored of [batch, recording]) {
      expect(await stored.readPose?.(entry)).toEqual(frame.cameraToWorld);
      expect(await stored.readTime?.(entry)).toEqual(frame.timestamp);
    }
  }
});

test('a frame that comes again changes nothing, whatever it holds, be it at the same time', async () => {
  const recording = await newRecording();
  const first = sentFrame({ timestamp: 1 });
  const again = sentFrame({ timestamp: 2 });
  const outcomes = await Promise.all([recording.add(first), recording.add(again), recording.add(again)]);
  expect(outcomes.slice(1)).toEqual(['repeated', 'repeated']);
  expect(await recording.add(again)).toBe('repeated');
  expect(recording.frames.length).toBe(1);
  expect((await recording.read(recording.frames[0]!, SIZE)).timestamp).toBe(1);
});

test('names of any kind and length never leave the folder and never meet', async () => {
  const folder = await temporaryFolder();
  const recording = await LiveRecording.open(folder);
  const names = [
    '.',
    '..',
    '.hidden',
    'a/b',
    'a',
    '/etc/passwd',
    'C:\\x',
    'a\0b',
    '日'.repeat(66),
    `${'日'.repeat(65)}月`,
    'x'.repeat(200),
    'a%2fb',
    'new\nline',
  ];
  for (const scene of names) for (const id of names) await recording.add(sentFrame({ scene, id }));
  expect(recording.frames.length).toBe(names.length ** 2);
  const again = await LiveRecording.open(folder);
  expect(again.bad).toEqual([]);
  expect(again.frames.length).toBe(names.length ** 2);
  expect(new Set(again.frames.map(({ scene }) => scene))).toEqual(new Set(names));
  expect((await readdir(folder)).length).toBe(names.length + 1);
});

describe('depth becomes metres', () => {
  const read = async (depth: Parameters<typeof sentFrame>[0]) => {
    const recording = await newRecording();
    await recording.add(sentFrame(depth));
    return (await recording.read(recording.frames[0]!, SIZE)).depth;
  };
  const raw = { scale: 1, width: WIDTH, height: HEIGHT };

  test('from a PNG of millimetres', async () => {
    expect([...(await read({})).subarray(0, 2)]).toEqual([1, Math.fround(1.001)]);
  });

  test('from uint16, at any alignment', async () => {
    const bytes = new Uint8Array(97).subarray(1);
    new DataView(bytes.buffer, 1).setUint16(2, 5000, true);
    expect([
      ...(await read({ depth: { ...raw, encoding: 'uint16', bytes, scale: 5000 } })).subarray(0, 3),
    ]).toEqual([0, 1, 0]);
  });

  test('from float32, where what is no length is no measurement', async () => {
    const values = new Float32Array(48).fill(2.5);
    values.set([NaN, Infinity, -1, 0]);
    const depth = await read({
      depth: { ...raw, encoding: 'float32', bytes: bytesOf(new Uint8Array(values.buffer)) },
    });
    expect([...depth.subarray(0, 6)]).toEqual([0, 0, 0, 0, 2.5, 2.5]);
  });
});

test('a frame is the same as from a recording of files', async () => {
  const own = await temporaryFolder();
  const { colour, depth, intrinsics, label } = sentFrame({ label: LABEL });
  await mkdir(join(own, 'room'));
  await writeFile(
    join(own, 'recording.json'),
    JSON.stringify({ classes: ['a', 'b'], intrinsics: { ...SIZE, ...intrinsics } }),
  );
  await writeFile(join(own, 'room', '1.color.jpg'), colour.bytes);
  await writeFile(join(own, 'room', '1.depth.png'), depth.bytes);
  await writeFile(join(own, 'room', '1.label.png'), label!);
  await writeFile(join(own, 'room', '1.pose.txt'), poseAt(0).join(' '));
  const recording = await newRecording({ classes: ['a', 'b'] });
  await recording.add(sentFrame({ label: LABEL, timestamp: 0 }));
  const files = await openRecording(own);
  for (const size of [SIZE, { width: 4, height: 3 }])
    expect(await recording.read(recording.frames[0]!, size)).toEqual(
      await files.read(files.frames[0]!, size),
    );
});

test('limits and labels of no classes are refused, and leave nothing behind', async () => {
  const limit = Math.floor(2.5 * encodeFrames([sentFrame()]).length);
  const recording = await newRecording({ scenes: 1, bytes: limit });
  await expect(recording.add(sentFrame({ label: LABEL }))).rejects.toThrow(
    'room/1: has labels, but the recording has no class names for them',
  );
  await recording.add(sentFrame());
  await expect(recording.add(sentFrame({ scene: 'other' }))).rejects.toThrow(
    'other/1: a new scene, but there are 1 already, the most that are taken',
  );
  const two = recording.add(sentFrame({ id: '2' }));
  await expect(recording.add(sentFrame({ id: '3' }))).rejects.toThrow(
    `room/3: the recording would grow beyond ${limit} bytes on disk, the most that is taken`,
  );
  await two;
  expect(recording.bytes).toBeLessThanOrEqual(limit);
});

test('a write that fails leaves all as it was, and the frame may come again', async () => {
  let isFull = true;
  const written: string[] = [];
  const recording = await newRecording({
    scenes: 1,
    write: async (path, bytes) => {
      if (isFull) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      written.push(path);
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, bytes);
    },
  });
  await expect(recording.add(sentFrame())).rejects.toThrow('no space left');
  expect([recording.frames.length, recording.bytes, recording.scenes]).toEqual([0, 0, 0]);
  isFull = false;
  expect(await recording.add(sentFrame())).not.toBe('repeated');
  expect(written.length).toBe(1);
});

test('what a kill left half written is removed, and damaged files are reported', async () => {
  const folder = await temporaryFolder();
  const recording = await LiveRecording.open(folder);
  for (const id of ['1', '2', '3', '4']) await recording.add(sentFrame({ id }));
  const file = (id: string) => join(folder, 'room', `${id}.frame.arrow`);
  await writeFile(join(folder, 'room', '5.frame.arrow.999999999-0-1.partial'), 'half');
  await truncate(file('1'), 2000);
  await rename(file('2'), file('8'));
  await writeFile(file('3'), 'nonsense');
  const again = await LiveRecording.open(folder);
  expect(again.frames.map(({ id }) => id)).toEqual(['4']);
  expect(again.bad.map(({ file, reason }) => `${file}: ${reason}`)).toEqual([
    'room/1.frame.arrow: truncated',
    'room/3.frame.arrow: not an Arrow IPC stream',
    'room/8.frame.arrow: holds frame room/2, expected in room/2.frame.arrow',
  ]);
  expect((await readdir(join(folder, 'room'))).filter((name) => name.endsWith('.partial'))).toEqual([]);
  // Damage that the listing cannot see is the frame's.
  const bytes = await readFile(file('4'));
  await writeFile(file('4'), bytes.fill(0, bytes.length - 200, bytes.length - 100));
  await expect(again.read(again.frames[0]!, SIZE)).rejects.toThrow(/^room\/4\.frame\.arrow/);
});

test('folders that hold something else are left alone', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'thesis.txt'), '');
  await expect(LiveRecording.open(folder)).rejects.toThrow(/empty or a live recording \(with a live\.json\)/);
  const other = await temporaryFolder();
  await LiveRecording.open(other, { classes: ['wall'] });
  await expect(LiveRecording.open(other, { classes: ['sea'] })).rejects.toThrow(UserError);
  await expect(openRecording(other)).rejects.toThrow('holds no usable frames: expected at least one.');
  await writeFile(join(other, 'live.json'), '{"classes": 3}');
  await expect(openRecording(other)).rejects.toThrow(
    /live\.json: "classes" should be a list of different class names/,
  );
});
