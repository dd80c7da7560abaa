import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRecording } from '../../src/sources/open.js';
import { type Files, png, png16, poseAt, ramp, without, writeRecording } from './builders.js';
import { damaged, readWhatThereIs } from './damaged.js';

const SIZE = { width: 8, height: 6 };
const colour = png(
  16,
  12,
  ramp(576, (i) => i % 256),
  { type: 2 },
);
const depth = png16(
  8,
  6,
  ramp(48, (i) => 1000 + i),
);
const LOG = `0 0 1\n${poseAt(1, 0, 0)}1 1 2\n${poseAt(2, 0, 0)}2 2 3\n${poseAt(3, 0, 0)}`;

const images = (folder: string): Files => ({
  [`${folder}/00000.png`]: colour,
  [`${folder}/00001.png`]: colour,
  [`${folder}/00002.png`]: colour,
  'depth/00000.png': depth,
  'depth/00001.png': depth,
  'depth/00002.png': depth,
});

/** Where its cameras stand. */
async function places(files: Files): Promise<Record<string, number>> {
  const recording = await openRecording(await writeRecording(files));
  expect(recording.format).toBe('redwood');
  const read = await Promise.all(recording.frames.map((entry) => recording.read(entry, SIZE)));
  return Object.fromEntries(read.map(({ id, cameraToWorld }) => [id, cameraToWorld[3]!]));
}

const IN_ORDER = { '00000': 1, '00001': 2, '00002': 3 };

describe('a Redwood or Open3D recording', () => {
  it.each(['color', 'image', 'rgb'])('has its colour in %s/', async (folder) => {
    expect(await places({ ...images(folder), 'trajectory.log': LOG })).toEqual(IN_ORDER);
  });

  it.each(['scene/trajectory.log', 'livingroom1-traj.txt', 'lounge_trajectory.log'])(
    'has its trajectory in %s, not in odometry.log',
    async (name) => {
      expect(await places({ ...images('color'), [name]: LOG, 'odometry.log': '' })).toEqual(IN_ORDER);
    },
  );

  it('puts poses to images by the place that each names', async () => {
    const log = `0 0 3\n${poseAt(3, 0, 0)}1 1 1\n${poseAt(1, 0, 0)}`;
    const recording = await openRecording(
      await writeRecording({ ...images('color'), 'trajectory.log': log }),
    );
    expect(recording.frames.map(({ id }) => id)).toEqual(['00000', '00002']);
    expect((await recording.read(recording.frames[1]!, SIZE)).cameraToWorld[3]).toBe(3);
    expect(recording.bad).toMatchObject([
      { id: '00001', file: 'trajectory.log', reason: 'no pose for depth image 00001' },
    ]);
  });

  it('puts them in order where what they name are no places', async () => {
    const log = `0 0 0.5\n${poseAt(1, 0, 0)}1 1 0.5\n${poseAt(2, 0, 0)}2 2 0.5\n${poseAt(3, 0, 0)}`;
    expect(await places({ ...images('color'), 'trajectory.log': log })).toEqual(IN_ORDER);
  });

  it('puts images together by their number, whatever else is in their names', async () => {
    const files = {
      'rgb/0000002-000000033369.png': colour,
      'rgb/0000001-000000000000.png': colour,
      'depth/0000001-000000000000.png': depth,
      'depth/0000003-000000066700.png': depth,
      'trajectory.log': LOG,
    };
    const recording = await openRecording(await writeRecording(files));
    expect(recording.frames.map(({ id }) => id)).toEqual(['0000001-000000000000']);
    expect(recording.bad).toMatchObject([{ file: 'rgb/0000003-000000066700.jpg', reason: 'missing' }]);
  });

  it('reads intrinsics column by column, and knows those of a PrimeSense', async () => {
    const files = { ...images('color'), 'trajectory.log': LOG };
    const plain = await openRecording(await writeRecording(files));
    const { intrinsics } = await plain.read(plain.frames[0]!, SIZE);
    expect(intrinsics.fx).toBeCloseTo(525 / 80, 10);
    expect(intrinsics.cx).toBeCloseTo(320 / 80 - 0.5, 10);
    const recording = await openRecording(
      await writeRecording({
        ...files,
        'camera_intrinsic.json': JSON.stringify({
          width: 8,
          height: 6,
          intrinsic_matrix: [7.5, 0, 0, 0, 8.5, 0, 3.25, 2.75, 1],
          depth_scale: 4000,
        }),
      }),
    );
    const read = await recording.read(recording.frames[0]!, SIZE);
    expect(read.intrinsics).toEqual({ fx: 7.5, fy: 8.5, cx: 3.25, cy: 2.75 });
    expect(read.depth[8]).toBe(Math.fround(1008 / 4000));
  });

  it('says which trajectory it cannot choose, or that there is none', async () => {
    await expect(
      openRecording(await writeRecording({ ...images('color'), 'a.log': LOG, 'b.log': LOG })),
    ).rejects.toThrow('holds 2 trajectories (a.log, b.log): expected one, or one called trajectory.log.');
    await expect(
      openRecording(await writeRecording({ ...images('color'), 'scene/integrated.ply': '' })),
    ).rejects.toThrow('holds no trajectory: expected one such as trajectory.log or trajectory.json.');
  });

  it('wants one camera of a JSON trajectory', async () => {
    const camera = (fx: number) => ({
      extrinsic: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, -1, -2, -3, 1],
      intrinsic: { width: 8, height: 6, intrinsic_matrix: [fx, 0, 0, 0, 8, 0, 4, 3, 1] },
    });
    const recording = await openRecording(
      await writeRecording({
        ...images('color'),
        'trajectory.json': JSON.stringify({ parameters: [camera(8), camera(9)] }),
      }),
    );
    const { cameraToWorld } = await recording.read(recording.frames[0]!, SIZE);
    expect(Array.from(cameraToWorld)).toEqual([1, 0, 0, 1, 0, 1, 0, 2, 0, 0, 1, 3, 0, 0, 0, 1]);
    expect(recording.bad.map(({ reason }) => reason)).toEqual([
      'other intrinsics than those of the first, expected one camera',
      'no pose for depth image 00002',
    ]);
  });

  it.each(['trajectory.log', 'trajectory.json', 'intrinsic.json'])(
    'that is damaged in %s is frames or a report',
    async (name) => {
      const intrinsic = { width: 8, height: 6, intrinsic_matrix: [8, 0, 0, 0, 8, 0, 4, 3, 1] };
      const extrinsic = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, -1, -2, -3, 1];
      const all: Files = {
        ...images('color'),
        'trajectory.log': LOG,
        'trajectory.json': JSON.stringify({ parameters: [0, 1, 2].map(() => ({ extrinsic, intrinsic })) }),
        'intrinsic.json': JSON.stringify(intrinsic),
      };
      const files = name.endsWith('.log')
        ? all
        : without(all, name === 'trajectory.json' ? 'trajectory.log' : 'trajectory.json');
      const path = await writeRecording(files);
      expect((await readWhatThereIs(path)).read).toBe(3);
      for (const bytes of damaged(Buffer.from(files[name] as string))) {
        await writeFile(join(path, name), bytes);
        expect((await readWhatThereIs(path)).read).toBeLessThanOrEqual(3);
      }
    },
  );

  it('that is cut short keeps the poses before the cut', async () => {
    const path = await writeRecording({
      ...images('color'),
      'trajectory.log': LOG.slice(0, LOG.length - 30),
    });
    const { read, reports } = await readWhatThereIs(path);
    expect(read).toBe(2);
    expect(reports).toEqual([
      expect.stringMatching(/^trajectory\.log, line 11: \d+ values, expected the 16 of/),
    ]);
  });
});
