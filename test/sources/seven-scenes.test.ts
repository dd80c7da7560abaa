import { basename } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openRecording } from '../../src/sources/open.js';
import { type Files, jpeg, png16, poseAt, ramp, writeRecording } from './builders.js';

const SIZE = { width: 8, height: 6 };

let frame: (prefix: string) => Files;

beforeAll(async () => {
  const colour = await jpeg(16, 12, [10, 20, 30]);
  frame = (prefix) => ({
    [`${prefix}.color.jpg`]: colour,
    [`${prefix}.depth.png`]: png16(
      8,
      6,
      ramp(48, (i) => (i < 2 ? [0, 65535][i]! : 1000 + i)),
    ),
    [`${prefix}.pose.txt`]: poseAt(1, 2, 3),
  });
});

const open = async (content: Files) => openRecording(await writeRecording(content));

describe('the 7-Scenes layout', () => {
  it('takes a folder as one scene, with its intrinsics, and drops both marks of no depth', async () => {
    const recording = await open({
      ...frame('frame-000000'),
      ...frame('frame-000002'),
      'camera-intrinsics.txt': '10 0 3.5\n0 11 2.5\n0 0 1\n',
    });
    expect(recording).toMatchObject({ format: '7scenes', classes: [], bad: [] });
    const scene = basename(recording.path);
    expect(recording.frames.map((entry) => [entry.scene, entry.id, entry.labelled])).toEqual([
      [scene, '000000', false],
      [scene, '000002', false],
    ]);
    const read = await recording.read(recording.frames[1]!, SIZE);
    expect(read.intrinsics).toEqual({ fx: 10, fy: 11, cx: 3.5, cy: 2.5 });
    expect(read.depth).toEqual(Float32Array.from(ramp(48, (i) => (i < 2 ? 0 : 1 + i / 1000))));
    expect(read.labels).toBeUndefined();
    expect(read.timestamp).toBe(1);
  });

  it("takes sequences as scenes, and the data set's stated camera", async () => {
    const recording = await open({
      ...frame('seq-01/frame-000000'),
      ...frame('seq-12/frame-000000'),
      'TrainSplit.txt': '',
    });
    expect(recording.frames.map(({ scene }) => scene)).toEqual(['seq-01', 'seq-12']);
    const read = await recording.read(recording.frames[1]!, SIZE);
    // 585/585/320/240 at 640×480, seen through an image of 8×6: edges map to edges.
    expect(read.intrinsics.fx).toBeCloseTo(585 / 80, 10);
    expect(read.intrinsics.cx).toBeCloseTo(320.5 / 80 - 0.5, 10);
  });

  it('takes the intrinsics beside the sequence before those of the root', async () => {
    const recording = await open({
      ...frame('seq-01/frame-000000'),
      ...frame('seq-02/frame-000000'),
      'camera-intrinsics.txt': '10 0 4 0 10 3 0 0 1',
      'seq-02/camera-intrinsics.txt': '20 0 4 0 20 3 0 0 1',
    });
    const focal = await Promise.all(
      recording.frames.map(async (entry) => (await recording.read(entry, SIZE)).intrinsics.fx),
    );
    expect(focal).toEqual([10, 20]);
  });

  it('prefers PNG colour, which is lossless', async () => {
    const png = { 'frame-000000.color.png': Buffer.from('not an image') };
    const recording = await open({ ...frame('frame-000000'), ...png });
    await expect(recording.read(recording.frames[0]!, SIZE)).rejects.toThrow(
      'frame-000000.color.png: neither',
    );
  });

  it.each([
    ['0 0 320 0 585 240 0 0 1', 'focal lengths 0 and 585, expected both above 0'],
    ['585 0 320', '3 values, expected the 9 of a 3×3 matrix'],
    ['585 0 nan 0 585 240 0 0 1', '"nan", expected finite numbers'],
  ])('stops where the only camera is no good: %s', async (matrix, reason) => {
    const opening = open({ ...frame('frame-000000'), 'camera-intrinsics.txt': matrix });
    await expect(opening).rejects.toThrow(
      `has no usable frame among the 1 found: camera-intrinsics.txt: ${reason}.`,
    );
  });

  it('names the file that a frame of a sequence lacks', async () => {
    const lone = frame('seq-01/frame-000001');
    const recording = await open({
      ...frame('seq-01/frame-000000'),
      'seq-01/frame-000001.color.jpg': lone['seq-01/frame-000001.color.jpg']!,
    });
    expect(recording.bad).toEqual([
      { scene: 'seq-01', id: '000001', file: 'seq-01/frame-000001.depth.png', reason: 'missing' },
    ]);
  });
});
