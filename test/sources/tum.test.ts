import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRecording } from '../../src/sources/open.js';
import { type Files, png, png16, ramp, text, writeRecording } from './builders.js';
import { damaged, readWhatThereIs } from './damaged.js';

const SIZE = { width: 8, height: 6 };
const colour = png(
  16,
  12,
  ramp(576, (i) => i % 256),
  { type: 2 },
);
const depth = (first: number) =>
  png16(
    8,
    6,
    ramp(48, (i) => (i === 0 ? first : 5000 + i)),
  );

const FILES: Files = {
  'rgb.txt':
    '# color images\n# file: a.bag\n10.000000 rgb/a.png\n10.033000 rgb/b.png\n10.066000 rgb/c.png\n10.5 rgb/d.png\n',
  'depth.txt': '# depth maps\n10.012000 depth/1.png\n10.040000 depth/2.png\n10.061000 depth/3.png\n',
  // A quarter turn about z to the second, and poses before and after each depth.
  'groundtruth.txt':
    '# ground truth trajectory\n# timestamp tx ty tz qx qy qz qw\n10.0030 9 9 9 0 0 0 1\n10.0110 1 2 3 0 0 0 1\n10.0450 4 5 6 0 0 0.7071 0.7071\n10.0610 0 0 0 0 0 0 0\n',
  'rgb/a.png': colour,
  'rgb/b.png': colour,
  'rgb/c.png': colour,
  'rgb/d.png': colour,
  'depth/1.png': depth(0),
  'depth/2.png': depth(65535),
  'depth/3.png': depth(1),
};

describe('a TUM RGB-D sequence', () => {
  it('puts together what is nearest in time, and reports what has no partner', async () => {
    const recording = await openRecording(await writeRecording(FILES));
    expect(recording).toMatchObject({ format: 'tum', classes: [] });
    expect(recording.frames.map(({ id }) => id)).toEqual(['10.000000', '10.033000']);
    expect(recording.bad.map(({ id, file, reason }) => [id, file, reason])).toEqual([
      ['10.5', 'rgb/d.png', 'no depth image within 0.02 s'],
      ['10.066000', 'groundtruth.txt, line 6', 'a quaternion of length 0.00, expected 1'],
    ]);
    const [first, second] = await Promise.all(recording.frames.map((entry) => recording.read(entry, SIZE)));
    // The depth's time: it is what gives the geometry.
    expect(first!.timestamp).toBe(10.012);
    expect(await recording.readTime!(recording.frames[1]!)).toBe(10.04);
    expect(await recording.readColourDelay!(recording.frames[0]!)).toBeCloseTo(-0.012, 9);
    expect(await recording.readColourDelay!(recording.frames[1]!)).toBeCloseTo(-0.007, 9);
    expect(first!.depth[0]).toBe(0);
    expect(first!.depth[1]).toBe(Math.fround(5001 / 5000));
    expect(second!.depth[0]).toBe(Math.fround(65535 / 5000));
    expect(Array.from(first!.cameraToWorld)).toEqual([1, 0, 0, 1, 0, 1, 0, 2, 0, 0, 1, 3, 0, 0, 0, 1]);
    const turned = [0, -1, 0, 4, 1, 0, 0, 5, 0, 0, 1, 6, 0, 0, 0, 1];
    second!.cameraToWorld.forEach((value, i) => {
      expect(value).toBeCloseTo(turned[i]!, 12);
    });
  });

  it('uses each depth image once, the nearest pair first', async () => {
    const recording = await openRecording(
      await writeRecording({
        ...FILES,
        'rgb.txt': '10.000 rgb/a.png\n10.010 rgb/b.png\n',
        'depth.txt': '10.009 depth/1.png\n10.029 depth/2.png\n',
        'groundtruth.txt': '10.009 0 0 0 0 0 0 1\n10.029 0 0 1 0 0 0 1\n',
      }),
    );
    expect(recording.frames.map(({ id }) => id)).toEqual(['10.010']);
    expect(recording.bad.map(({ id }) => id)).toEqual(['10.000']);
  });

  it.each([
    ['rgbd_dataset_freiburg1_desk', 517.3],
    ['rgbd_dataset_freiburg2_xyz', 520.9],
    ['rgbd_dataset_freiburg3_office', 535.4],
  ])('knows the camera of %s', async (folder, fx) => {
    const sequence = Object.fromEntries(
      Object.entries(FILES).map(([name, content]) => [`${folder}/${name}`, content]),
    );
    const path = await writeRecording(sequence);
    for (const root of [path, join(path, folder)]) {
      const recording = await openRecording(root);
      expect(recording.frames[0]!.scene).toBe(folder);
      const read = await recording.read(recording.frames[0]!, SIZE);
      // Given for 640×480.
      expect(read.intrinsics.fx).toBeCloseTo(fx / 80, 10);
    }
  });

  it('is of an uncalibrated Kinect where nothing says otherwise, and of calibration.txt or camera.txt where they do', async () => {
    const plain = await openRecording(await writeRecording(FILES));
    expect((await plain.read(plain.frames[0]!, SIZE)).intrinsics.fx).toBeCloseTo(525 / 80, 10);
    for (const name of ['calibration.txt', 'camera.txt']) {
      const recording = await openRecording(
        await writeRecording({ ...FILES, [name]: '7.5 8.5 3.25 2.75\n' }),
      );
      const read = await recording.read(recording.frames[0]!, SIZE);
      expect(read.intrinsics).toEqual({ fx: 7.5, fy: 8.5, cx: 3.25, cy: 2.75 });
    }
  });

  it('leaves out files outside of it, and lines that are none', async () => {
    const recording = await openRecording(
      await writeRecording({ ...FILES, 'rgb.txt': `10.0 rgb/a.png\n10.033 ../b.png\nten rgb/c.png\n` }),
    );
    expect(recording.frames.map(({ id }) => id)).toEqual(['10.0']);
    expect(recording.bad.map(({ file, reason }) => [file, reason])).toEqual([
      ['rgb.txt, line 2', '../b.png lies outside the recording'],
      ['rgb.txt, line 3', '"ten rgb/c.png", expected a time and a file'],
    ]);
    expect(recording.path).toContain(basename(recording.frames[0]!.scene));
  });

  it.each(['rgb.txt', 'depth.txt', 'groundtruth.txt', 'calibration.txt', 'depth/1.png'])(
    'that is damaged in %s is frames or a report',
    async (name) => {
      const files: Files = { ...FILES, 'calibration.txt': '7.5 8.5 3.25 2.75\n' };
      const path = await writeRecording(files);
      const content = files[name]!;
      for (const bytes of damaged(typeof content === 'string' ? Buffer.from(text(content)) : content)) {
        await writeFile(join(path, name), bytes);
        expect((await readWhatThereIs(path)).read).toBeLessThanOrEqual(4);
      }
    },
  );
});
