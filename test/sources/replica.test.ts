import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRecording } from '../../src/sources/open.js';
import { type Files, png, png16, poseAt, ramp, writeRecording } from './builders.js';
import { damaged, readWhatThereIs } from './damaged.js';

// 30:17, as 1200:680.
const SIZE = { width: 30, height: 17 };
const colour = png(
  30,
  17,
  ramp(1530, (i) => i % 256),
  { type: 2 },
);
const depth = png16(
  30,
  17,
  ramp(510, (i) => (i === 0 ? 0 : 6553 + i)),
);
const line = (x: number) => `${poseAt(x, 0, 0).trim().split(/\s+/).join(' ')}\n`;

const scene = (prefix: string): Files => ({
  [`${prefix}traj.txt`]: line(1) + line(2) + line(3),
  [`${prefix}results/frame000000.png`]: colour,
  [`${prefix}results/depth000000.png`]: depth,
  [`${prefix}results/frame000002.png`]: colour,
  [`${prefix}results/depth000002.png`]: depth,
});

describe('a Replica scene as rendered for NICE-SLAM', () => {
  it('has the camera of its settings, and poses by the number of the frame', async () => {
    const recording = await openRecording(await writeRecording(scene('')));
    expect(recording).toMatchObject({ format: 'replica', classes: [], bad: [] });
    expect(recording.frames.map(({ id }) => id)).toEqual(['000000', '000002']);
    const read = await recording.read(recording.frames[1]!, SIZE);
    expect(read.cameraToWorld[3]).toBe(3);
    expect(read.depth[0]).toBe(0);
    expect(read.depth[9]).toBe(Math.fround(6562 / 6553.5));
    // 600/600/599.5/339.5 for 1200×680.
    expect(read.intrinsics.fx).toBeCloseTo(15, 10);
    expect(read.intrinsics.cx).toBeCloseTo(14.5, 10);
  });

  it('may be one of a folder with the camera of all', async () => {
    const camera = { camera: { w: 30, h: 17, fx: 7.5, fy: 8.5, cx: 3.25, cy: 2.75, scale: 1000 } };
    const recording = await openRecording(
      await writeRecording({
        'cam_params.json': JSON.stringify(camera),
        ...scene('room0/'),
        ...scene('office1/'),
        'meshes/readme.txt': '',
      }),
    );
    expect(recording.frames.map(({ scene, id }) => `${scene}/${id}`)).toEqual([
      'office1/000000',
      'office1/000002',
      'room0/000000',
      'room0/000002',
    ]);
    const read = await recording.read(recording.frames[0]!, SIZE);
    expect(read.intrinsics).toEqual({ fx: 7.5, fy: 8.5, cx: 3.25, cy: 2.75 });
    expect(read.depth[9]).toBe(Math.fround(6.562));
  });

  it('says which pose or image is missing, or no pose', async () => {
    const recording = await openRecording(
      await writeRecording({
        ...scene(''),
        'traj.txt': line(1) + line(2),
        'results/frame000001.png': colour,
      }),
    );
    expect(recording.bad.map(({ file, reason }) => [file, reason])).toEqual([
      ['results/depth000001.png', 'missing'],
      ['traj.txt', '2 poses, none for frame 000002'],
    ]);
    const path = await writeRecording({ ...scene(''), 'traj.txt': `1 2 3\n${line(2)}${line(3)}` });
    expect((await openRecording(path)).bad).toMatchObject([
      {
        id: '000000',
        file: 'traj.txt, line 1',
        reason: '3 values, expected the 16 of a 4×4 camera-to-world matrix',
      },
    ]);
  });

  it.each(['traj.txt', 'cam_params.json'])('that is damaged in %s is frames or a report', async (name) => {
    const files: Files = {
      ...scene(''),
      'cam_params.json':
        '{"camera": {"w": 30, "h": 17, "fx": 7.5, "fy": 8.5, "cx": 3.25, "cy": 2.75, "scale": 1000}}',
    };
    const path = await writeRecording(files);
    for (const bytes of damaged(Buffer.from(files[name] as string))) {
      await writeFile(join(path, name), bytes);
      expect((await readWhatThereIs(path)).read).toBeLessThanOrEqual(2);
    }
  });
});
