import { rm, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openRecording } from '../../src/sources/open.js';
import { openZip } from '../../src/sources/zip-file.js';
import { jpeg, png, ramp, writeRecording } from './builders.js';
import { damaged, readWhole, survives } from './damaged.js';
import { lzfse } from './lzfse-encoder.js';
import { type ZipEntryKind, zip } from './zip-builder.js';

const SIZE = { width: 4, height: 3 };
/** Metres. */
const DEPTH = ramp(12, (i) => Math.fround(1 + i / 7));
const floats = (values: readonly number[]) => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeFloatLE(value, 4 * i);
  return bytes;
};

/** Photographs of 8×6, depth of 4×3; the second frame is turned by 90° about the axis that points up. */
const METADATA = {
  w: 8,
  h: 6,
  dw: 4,
  dh: 3,
  fps: 60,
  K: [10, 0, 0, 0, 11, 0, 3.5, 2.5, 1],
  initPose: [0, 0, 0, 1, 0, 0, 0],
  poses: [
    [0, 0, 0, 1, 1, 2, 3],
    [0, Math.SQRT1_2, 0, Math.SQRT1_2, -4, 5, 6],
  ],
  frameTimestamps: [0.5, 0.516],
  cameraType: 1,
};

type Parts = Record<string, Uint8Array | ZipEntryKind>;
let colour: Buffer;
beforeAll(async () => {
  colour = await jpeg(8, 6, [200, 100, 50]);
});
const frame = (index: number, depth: readonly number[] = DEPTH): Parts => ({
  [`rgbd/${index}.jpg`]: colour,
  [`rgbd/${index}.depth`]: lzfse(floats(depth)),
  [`rgbd/${index}.conf`]: lzfse(Uint8Array.from(ramp(12, (i) => (i === 5 ? 0 : 1 + (i % 2))))),
});
const recording = (metadata: object = {}, parts: Parts = { ...frame(0), ...frame(1) }): Parts => ({
  metadata: Buffer.from(JSON.stringify({ ...METADATA, ...metadata })),
  icon: colour,
  ...parts,
});
const write = async (parts: Parts, name = 'room.r3d') =>
  join(await writeRecording({ [name]: zip(parts) }), name);
const open = async (parts: Parts) => openRecording(await write(parts));

describe('Record3D recordings', () => {
  it('come as their frames', async () => {
    const opened = await open(recording());
    expect(opened).toMatchObject({ format: 'record3d', classes: [], bad: [] });
    expect(opened.frames.map(({ scene, id, labelled }) => [scene, id, labelled])).toEqual([
      ['room', '0', false],
      ['room', '1', false],
    ]);
    const read = await opened.read(opened.frames[0]!, SIZE);
    expect(read.depth).toEqual(Float32Array.from(DEPTH, (z, i) => (i === 5 ? 0 : z)));
    [200, 100, 50].forEach((shade, i) => {
      expect(Math.abs(read.colour[i]! - shade)).toBeLessThanOrEqual(3);
    });
    expect(read.timestamp).toBe(0.5);
    expect(await opened.readTime!(opened.frames[1]!)).toBe(0.516);
    // K is for 8×6 and column by column; edges map to edges.
    expect(read.intrinsics).toEqual({ fx: 5, fy: 5.5, cx: 1.5, cy: 1 });
    // OpenGL axes: the camera looks along -z, with y up.
    expect([...read.cameraToWorld].map((n) => n + 0)).toEqual([
      1, 0, 0, 1, 0, -1, 0, 2, 0, 0, -1, 3, 0, 0, 0, 1,
    ]);
  });

  it('turns poses as quaternions do', async () => {
    const opened = await open(recording());
    const pose = await opened.readPose!(opened.frames[1]!);
    expect(await opened.read(opened.frames[1]!, SIZE)).toMatchObject({ cameraToWorld: pose });
    const at = (x: number, y: number, z: number) =>
      [0, 1, 2].map(
        (row) => pose[4 * row]! * x + pose[4 * row + 1]! * y + pose[4 * row + 2]! * z + pose[4 * row + 3]!,
      );
    // A turn of 90° to the left about y: what lay ahead (-z in OpenGL axes) lies along -x.
    at(0, 0, 2).forEach((value, i) => {
      expect(value).toBeCloseTo([-6, 5, 6][i]!, 12);
    });
    at(0, 1, 0).forEach((value, i) => {
      expect(value).toBeCloseTo([-4, 4, 6][i]!, 12);
    });
  });

  it("takes each frame's own intrinsics before the first frame's", async () => {
    const coefficients = [
      [10, 11, 3.5, 2.5],
      [20, 22, 4.5, 3.5],
    ];
    const opened = await open(recording({ perFrameIntrinsicCoeffs: coefficients }));
    const { intrinsics } = await opened.read(opened.frames[1]!, SIZE);
    expect(intrinsics).toEqual({ fx: 10, fy: 11, cx: 2, cy: 1.5 });
  });

  it('reads old recordings: no confidence, no times, photographs as small as the depth', async () => {
    const small = await jpeg(4, 3, [10, 20, 30]);
    const parts = {
      'rgbd/0.jpg': small,
      'rgbd/0.depth': lzfse(floats(DEPTH.map((z, i) => (i === 2 ? NaN : z)))),
    };
    const { dw: _, dh: __, frameTimestamps: ___, ...old } = METADATA;
    const metadata = { ...old, w: 4, h: 3, poses: [METADATA.poses[0]] };
    const opened = await open({ metadata: Buffer.from(JSON.stringify(metadata)), ...parts });
    const read = await opened.read(opened.frames[0]!, SIZE);
    expect(read.depth).toEqual(Float32Array.from(DEPTH, (z, i) => (i === 2 ? 0 : z)));
    expect(read.intrinsics).toEqual({ fx: 10, fy: 11, cx: 3.5, cy: 2.5 });
    expect(read.timestamp).toBe(0);
  });

  it('makes a scene of each file of a folder', async () => {
    const path = await writeRecording({
      'b.r3d': zip(recording()),
      'a.R3D': zip(recording({ poses: METADATA.poses.slice(0, 1) })),
      'cut.r3d': zip(recording()).subarray(0, 100),
      'notes.txt': '',
    });
    const opened = await openRecording(path);
    expect(opened.frames.map(({ scene, id }) => `${scene}/${id}`)).toEqual(['a/0', 'b/0', 'b/1']);
    expect(opened.bad).toMatchObject([{ scene: 'cut', file: 'cut.r3d' }]);
    expect(opened.bad[0]!.reason).toMatch(/^not a zip archive, or one cut short/);
    await opened.read(opened.frames[2]!, SIZE);
  });

  it('reports frames that lack something, and keeps the others', async () => {
    const { 'rgbd/1.depth': _, ...parts } = {
      ...frame(0),
      ...frame(1),
      ...frame(2),
      ...frame(3),
      ...frame(4),
    };
    const poses = [
      METADATA.poses[0],
      METADATA.poses[0],
      [0, 0, 0, 0, 1, 2, 3],
      [0, 0, 0, 1, 1, 2],
      METADATA.poses[0],
    ];
    const opened = await open(recording({ poses, frameTimestamps: [1, 2, 3, 4] }, parts));
    expect(opened.frames.map(({ id }) => id)).toEqual(['0']);
    expect(opened.bad.map(({ id, file, reason }) => [id, file, reason])).toEqual([
      ['1', 'room.r3d, rgbd/1.depth', 'missing'],
      ['2', 'room.r3d, metadata, poses[2]', 'a quaternion of length 0.00, expected 1'],
      ['3', 'room.r3d, metadata, poses[3]', 'expected 7 finite numbers: qx, qy, qz, qw, x, y, z'],
      ['4', 'room.r3d, metadata, frameTimestamps[4]', 'expected seconds, a finite number'],
    ]);
  });

  it.each<[what: string, metadata: object, reason: string]>([
    ['no K', { K: [1, 2, 3] }, '"K" should be 9 numbers, a 3×3 matrix column by column, found [1,2,3]'],
    ['no size', { w: 0 }, '"w" should be a whole number of pixels above 0, found 0'],
    ['no poses', { poses: undefined }, '"poses" should be a list, found nothing'],
    ['no frames', { poses: [] }, 'has no usable frame'],
    ['no focal length', { K: ramp(9, () => 0) }, 'focal lengths 0 and 0, expected both above 0'],
  ])('stops where there is %s', async (_, metadata, reason) => {
    await expect(open(recording(metadata))).rejects.toThrow(reason);
  });

  it('stops where the file is no archive, or has no metadata', async () => {
    const path = join(await writeRecording({ 'room.r3d': 'text' }), 'room.r3d');
    await expect(openRecording(path)).rejects.toThrow('room.r3d: not a zip archive, or one cut short');
    await expect(open(frame(0))).rejects.toThrow('room.r3d, metadata: missing.');
    await rm(path);
    await expect(openRecording(path)).rejects.toThrow(/There is no recording|cannot be read/);
  });

  it('reports parts that do not fit', async () => {
    const wide = await jpeg(12, 6, [1, 2, 3]);
    const parts = {
      ...frame(0),
      'rgbd/0.depth': lzfse(floats(DEPTH.slice(1))),
      ...frame(
        1,
        ramp(12, () => NaN),
      ),
      ...frame(2),
      'rgbd/2.jpg': wide,
      ...frame(3),
      'rgbd/3.conf': floats(DEPTH),
    };
    const opened = await open(
      recording({ poses: ramp(4).map(() => METADATA.poses[0]), frameTimestamps: null }, parts),
    );
    const reasons = [
      'room.r3d, rgbd/0.depth: LZFSE stream of 44 bytes, expected 48',
      'room.r3d, rgbd/1.depth: no depth',
      'room.r3d, rgbd/2.jpg: 12×6, expected the same width to height ratio',
      'room.r3d, rgbd/3.conf: no LZFSE stream',
    ];
    for (const [i, reason] of reasons.entries())
      await expect(opened.read(opened.frames[i]!, SIZE)).rejects.toThrow(reason);
  });

  it('tells a file that changed, and frames apart, by their fingerprints', async () => {
    const path = await write(recording());
    const first = (await openRecording(path)).frames;
    expect(new Set(first.map(({ fingerprint }) => fingerprint)).size).toBe(2);
    expect((await openRecording(path)).frames).toEqual(first);
    await utimes(path, new Date(1e12), new Date(1e12));
    expect((await openRecording(path)).frames[0]!.fingerprint).not.toBe(first[0]!.fingerprint);
  });

  it('is a file that may be damaged anywhere', async () => {
    const path = await write(recording());
    const counts = { read: 0, reported: 0 };
    for (const bytes of damaged(zip(recording()))) {
      await writeFile(path, bytes);
      counts[await survives(() => readWhole(path, SIZE))]++;
    }
    // Bytes that no part's check covers are the icon's and some of the directory.
    expect(counts.reported).toBeGreaterThan(200);
  });

  it('keeps the frames that damage does not touch', async () => {
    const whole = zip(recording());
    const at = whole.indexOf('rgbd/0.depth') + 'rgbd/0.depth'.length + 20;
    whole[at]! ^= 1;
    const path = join(await writeRecording({ 'room.r3d': whole }), 'room.r3d');
    const opened = await openRecording(path);
    await expect(opened.read(opened.frames[0]!, SIZE)).rejects.toThrow('room.r3d, rgbd/0.depth: damaged');
    await opened.read(opened.frames[1]!, SIZE);
  });

  it('refuses bombs', async () => {
    const zeros = { content: Buffer.alloc(2 ** 18), deflated: true, claimed: 2 ** 25 + 1 };
    const parts = recording({}, { ...frame(0), 'rgbd/0.depth': zeros });
    const opened = await open(recording({}, { ...frame(0), ...frame(1), 'rgbd/0.depth': zeros }));
    await expect(opened.read(opened.frames[0]!, SIZE)).rejects.toThrow(
      '33554433 bytes, expected at most 33554432',
    );
    await expect(open({ ...parts, metadata: zeros })).rejects.toThrow('33554433 bytes, expected at most');
    // One that lies about its length.
    const lie = { ...zeros, claimed: 100 };
    const second = await open(recording({}, { ...frame(0), ...frame(1), 'rgbd/0.depth': lie }));
    await expect(second.read(second.frames[0]!, SIZE)).rejects.toThrow('rgbd/0.depth: damaged');
    const huge = await open(recording({ dw: 100_000, dh: 75_000 }));
    await expect(huge.read(huge.frames[0]!, SIZE)).rejects.toThrow('depth of 100000×75000, expected at most');
  });
});

describe('zip archives', () => {
  const list = async (files: Parts) => {
    const path = await write(files, 'some.zip');
    return openZip(path, basename(path));
  };

  it('give back stored and deflated entries', async () => {
    const content = Buffer.from('again and again and again');
    const opened = await list({
      'a/': Buffer.alloc(0),
      'a/b': content,
      c: { content, deflated: true },
      d: Buffer.alloc(0),
    });
    expect([...opened.entries.keys()]).toEqual(['a/b', 'c', 'd']);
    expect(opened.damage).toBeUndefined();
    expect(Buffer.from(await opened.read('a/b', 100))).toEqual(content);
    expect(Buffer.from(await opened.read('c', 25))).toEqual(content);
    expect(await opened.read('d', 0)).toHaveLength(0);
    await expect(opened.read('c', 24)).rejects.toThrow('some.zip, c: 25 bytes, expected at most 24');
    await expect(opened.read('e', 24)).rejects.toThrow('some.zip, e: missing');
  });

  it('list thousands of entries', async () => {
    const files = Object.fromEntries(ramp(5000).map((i) => [`rgbd/${i}.jpg`, Buffer.from(`${i}`)]));
    const opened = await list(files);
    expect(opened.entries.size).toBe(5000);
    expect(Buffer.from(await opened.read('rgbd/4321.jpg', 10)).toString()).toBe('4321');
  });

  it('refuse what they cannot unpack', async () => {
    const content = Buffer.from('abc');
    const opened = await list({
      a: { content, method: 93 },
      b: { content, flags: 1 },
      c: { content, method: 8 },
    });
    await expect(opened.read('a', 10)).rejects.toThrow(
      'packed by method 93, expected 0 (stored) or 8 (deflated)',
    );
    await expect(opened.read('b', 10)).rejects.toThrow('encrypted');
    await expect(opened.read('c', 10)).rejects.toThrow('damaged');
  });

  it('keep what is listed before damage to the directory', async () => {
    const bytes = zip({ a: Buffer.from('abc'), b: Buffer.from('def') });
    bytes[bytes.lastIndexOf('PK\x01\x02', undefined, 'latin1')] = 0;
    const path = join(await writeRecording({ 'some.zip': bytes }), 'some.zip');
    const opened = await openZip(path, 'some.zip');
    expect([...opened.entries.keys()]).toEqual(['a']);
    await expect(opened.read('b', 10)).rejects.toThrow(
      /^some\.zip, b: missing \(the archive's directory is damaged/,
    );
  });
});

it('is told from a PNG in a folder', async () => {
  const path = await writeRecording({ 'a.png': png(1, 1, [0]) });
  await expect(openRecording(path)).rejects.toThrow('.r3d, or a folder of them (record3d)');
});
