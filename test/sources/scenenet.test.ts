import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { IGNORE } from '../../src/frame.js';
import { openRecording } from '../../src/sources/open.js';
import { NYU13_CLASSES } from '../../src/sources/scenenet/classes.js';
import { type Files, jpeg, png16, ramp, without, writeRecording } from './builders.js';
import { damaged, readWhole, survives } from './damaged.js';
import { float, instance, int, message, pose, text, trajectory, varint, view } from './scenenet-builder.js';

const INSTANCES = [
  instance(0, '', 1),
  instance(1, '02990373', 2), // a ceiling
  instance(2, '04379243'), // a table
  message(2, int(1, 300), text(2, '04256520'), int(4, 4), message(6, text(1, 'hash'), float(2, 1))), // a sofa
  instance(4, '99999999'),
];
/** Looks along +z from (1, 2, 3), then along +x; the exposure moves it by 2 cm. */
const VIEWS = [
  view(0, pose(2, [0.99, 2, 3], [0.99, 2, 5], 0), pose(3, [1.01, 2, 3], [1.01, 2, 5], 0.02)),
  view(25, pose(2, [1, 2, 3], [4, 2, 3], 1), pose(3, [1, 2, 3], [4, 2, 3], 1.02)),
];
const ROOM = trajectory('0/223', ...INSTANCES, ...VIEWS);

const SIZE = { width: 8, height: 6 };
/** Rays' lengths in mm. */
const LENGTHS = ramp(48, (i) => (i === 0 ? 0 : 1000 + 13 * i));
const IDS = ramp(48, (i) => [0, 1, 2, 300, 4, 77][i % 6]!);

let colour: Buffer;
beforeAll(async () => {
  colour = await jpeg(8, 6, [30, 60, 90]);
});
const images = (folder: string, ...frames: readonly number[]): Files =>
  Object.fromEntries(
    frames.flatMap((frame) => [
      [`${folder}/photo/${frame}.jpg`, colour],
      [`${folder}/depth/${frame}.png`, png16(8, 6, LENGTHS)],
      [`${folder}/instance/${frame}.png`, png16(8, 6, IDS)],
    ]),
  );
const room = (): Files => ({ 'scenenet_rgbd_train_0.pb': ROOM, ...images('train/0/223', 0, 25) });
const open = async (files: Files) => openRecording(await writeRecording(files));

describe('SceneNet RGB-D', () => {
  it('comes as its frames', async () => {
    const recording = await open(room());
    expect(recording).toMatchObject({ format: 'scenenet', classes: NYU13_CLASSES, bad: [] });
    expect(recording.frames.map(({ scene, id, labelled }) => [scene, id, labelled])).toEqual([
      ['train_0_223', '0', true],
      ['train_0_223', '25', true],
    ]);
    const first = await recording.read(recording.frames[0]!, SIZE);
    [30, 60, 90].forEach((shade, i) => {
      expect(Math.abs(first.colour[i]! - shade)).toBeLessThanOrEqual(3);
    });
    expect(first.timestamp).toBeCloseTo(0.01, 6);
    // Ceiling, table and sofa are classes; background, an unknown object and an instance that is not listed are none.
    const classes = [IGNORE, 2, 9, 8, IGNORE, IGNORE];
    expect([...first.labels!]).toEqual(ramp(48, (i) => classes[i % 6]!));
    expect(NYU13_CLASSES[2]).toBe('ceiling');
    expect(NYU13_CLASSES[8]).toBe('sofa');
  });

  it('turns the length of rays into depth', async () => {
    const recording = await open(room());
    const { depth, intrinsics } = await recording.read(recording.frames[0]!, SIZE);
    // The ray through a pixel's middle, as the data set's own tools go through it: 60° across, 45° down.
    LENGTHS.forEach((length, i) => {
      const x = Math.tan(Math.PI / 6) * ((2 * ((i % 8) + 0.5)) / 8 - 1);
      const y = Math.tan(Math.PI / 8) * ((2 * (Math.floor(i / 8) + 0.5)) / 6 - 1);
      expect(depth[i]).toBeCloseTo(length / 1000 / Math.hypot(x, y, 1), 6);
    });
    expect(intrinsics.fx).toBeCloseTo(277.1281292110204 / 40, 10);
    expect(intrinsics.fy).toBeCloseTo(289.7056274847714 / 40, 10);
    expect([intrinsics.cx, intrinsics.cy]).toEqual([3.5, 2.5]);
  });

  it('looks from the camera at what it looks at, in the middle of the exposure', async () => {
    const recording = await open(room());
    const [first, second] = await Promise.all(recording.frames.map((entry) => recording.readPose!(entry)));
    const closeTo = (pose: Float64Array, expected: readonly number[]) =>
      expected.forEach((value, i) => {
        expect(pose[i]).toBeCloseTo(value, 6);
      });
    // x = z × up: looking along +z with y up, right is -x.
    closeTo(first!, [-1, 0, 0, 1, 0, -1, 0, 2, 0, 0, 1, 3, 0, 0, 0, 1]);
    closeTo(second!, [0, 0, 1, 1, 0, -1, 0, 2, 1, 0, 0, 3, 0, 0, 0, 1]);
    expect(await recording.readTime!(recording.frames[1]!)).toBeCloseTo(1.01, 6);
  });

  it('takes training and validation trajectories apart, wherever the folder given starts', async () => {
    const elsewhere = trajectory('0/223', ...VIEWS.slice(0, 1), instance(1, '03001627'));
    const other = trajectory('0/9', ...VIEWS);
    const files = {
      'train_protobufs/scenenet_rgbd_train_0.pb': Buffer.concat([other, ROOM]),
      'train_protobufs/scenenet_rgbd_train_1.pb': trajectory('1/5', ...VIEWS),
      'scenenet_rgbd_val.pb': elsewhere,
      ...images('train/0/223', 0),
      ...images('train/1/5', 25),
      ...images('val/0/223', 0),
    };
    const recording = await open(files);
    expect(recording.frames.map(({ scene, id }) => `${scene}/${id}`)).toEqual([
      'train_0_223/0',
      'train_1_5/25',
      'val_0_223/0',
    ]);
    const labels = await Promise.all(
      recording.frames.map(async (entry) => (await recording.read(entry, SIZE)).labels![1]),
    );
    expect(labels).toEqual([2, IGNORE, 3]);

    const path = await writeRecording({ 'val/scenenet_rgbd_val.pb': elsewhere, ...images('val/0/223', 0) });
    const within = await openRecording(join(path, 'val'));
    expect(within.frames.map(({ scene }) => scene)).toEqual(['0_223']);
  });

  it('reports frames without a part, a view or a trajectory', async () => {
    const files = without(
      { ...room(), ...images('train/0/223', 50), ...images('train/0/7', 0) },
      'train/0/223/depth/25.png',
    );
    const recording = await open(files);
    expect(recording.frames.map(({ id }) => id)).toEqual(['0']);
    expect(recording.bad.map(({ scene, id, file, reason }) => [`${scene}/${id}`, file, reason])).toEqual([
      ['train_0_7/0', 'scenenet_rgbd_train_0.pb', 'no trajectory of 0/7'],
      ['train_0_223/25', 'train/0/223/depth/25.png', 'missing'],
      ['train_0_223/50', 'scenenet_rgbd_train_0.pb', 'no view of frame 50'],
    ]);
    // Without labels it is a frame all the same.
    const bare = await open(without(room(), 'train/0/223/instance/0.png'));
    expect(bare.frames.map(({ labelled }) => labelled)).toEqual([false, true]);
    expect((await bare.read(bare.frames[0]!, SIZE)).labels).toBeUndefined();
  });

  it('reports a camera that looks nowhere', async () => {
    const nowhere = pose(2, [1, 2, 3], [1, 2, 3], 0);
    const up = pose(2, [1, 2, 3], [1, 9, 3], 0);
    const asClose = (open: Buffer) => Buffer.concat([varint((3 << 3) | 2), open.subarray(1)]);
    const views = [VIEWS[0]!, ...[nowhere, up].map((p, i) => view(25 * (i + 1), p, asClose(p)))];
    const recording = await open({
      'scenenet_rgbd_val.pb': trajectory('0/223', ...views),
      ...images('val/0/223', 0, 25, 50),
    });
    expect(recording.bad.map(({ id, file, reason }) => [id, file, reason])).toEqual(
      [25, 50].map((id) => [`${id}`, `scenenet_rgbd_val.pb, frame ${id}`, 'a number that is not finite']),
    );
  });

  it('stops where there are no trajectories', async () => {
    await expect(open({ 'scenenet_rgbd_val.pb': 'text', ...images('val/0/223', 0) })).rejects.toThrow(
      'scenenet_rgbd_val.pb: no trajectory of 0/223 (byte 0 starts no trajectory).',
    );
    await expect(open({ ...images('train/0/223', 0), 'train_protobufs/notes.txt': '' })).rejects.toThrow(
      'holds no trajectories: expected scenenet_rgbd_train_0.pb',
    );
    await expect(open({ 'scenenet_rgbd_val.pb': ROOM })).rejects.toThrow('holds no frames');
  });

  it('tells frames apart by their fingerprints, and other poses too', async () => {
    const path = await writeRecording(room());
    const first = (await openRecording(path)).frames;
    expect(new Set(first.map(({ fingerprint }) => fingerprint)).size).toBe(2);
    expect((await openRecording(path)).frames).toEqual(first);
    const moved = trajectory(
      '0/223',
      ...INSTANCES,
      view(0, pose(2, [0, 2, 3], [1, 2, 5], 0), pose(3, [0, 2, 3], [1, 2, 5], 0)),
    );
    await writeFile(join(path, 'scenenet_rgbd_train_0.pb'), moved);
    expect((await openRecording(path)).frames[0]!.fingerprint).not.toBe(first[0]!.fingerprint);
  });

  it('has trajectories that may be damaged anywhere', async () => {
    const path = await writeRecording(room());
    await readWhole(path, SIZE);
    const both = Buffer.concat([trajectory('0/9', ...INSTANCES, ...VIEWS), ROOM]);
    const counts = { read: 0, reported: 0 };
    for (const bytes of damaged(both)) {
      await writeFile(join(path, 'scenenet_rgbd_train_0.pb'), bytes);
      counts[await survives(() => readWhole(path, SIZE))]++;
    }
    // All cuts cost the second trajectory.
    expect(counts.reported).toBeGreaterThanOrEqual(200);
  });

  it('keeps the trajectories before the damage', async () => {
    const files = { ...images('train/0/223', 0), ...images('train/0/9', 0) };
    const cut = Buffer.concat([ROOM, trajectory('0/9', ...VIEWS)]).subarray(0, -1);
    const recording = await open({ ...files, 'scenenet_rgbd_train_0.pb': cut });
    expect(recording.frames.map(({ scene }) => scene)).toEqual(['train_0_223']);
    expect(recording.bad[0]!.reason).toBe('no trajectory of 0/9 (cut short)');
  });

  it.each<[what: string, bomb: () => Buffer, reason: string]>([
    ['a length beyond the file', () => Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]), 'cut short'],
    [
      'a trajectory too long',
      () => trajectory('0/223', text(9, 'x'.repeat(2 ** 22))),
      'no trajectory of 0/223',
    ],
    [
      'views without end',
      () => trajectory('0/223', Buffer.alloc(60_000, message(3, int(1, 5)))),
      'more than 10000 views',
    ],
    [
      'groups in groups',
      () => trajectory('0/223', message(3, Buffer.alloc(100_000, varint((9 << 3) | 3)))),
      'a damaged trajectory at byte',
    ],
  ])('refuses %s', async (_, bomb, reason) => {
    await expect(open({ ...images('val/0/223', 0), 'scenenet_rgbd_val.pb': bomb() })).rejects.toThrow(reason);
  });
});
