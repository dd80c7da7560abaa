import { expect, test } from 'vitest';
import { type Dataset, planFrames } from '../../src/datasets/dataset.js';
import { DATASETS, findDataset } from '../../src/datasets/index.js';
import { matterport3d } from '../../src/datasets/matterport3d.js';
import { scannet } from '../../src/datasets/scannet.js';
import { scenenetRgbd } from '../../src/datasets/scenenet-rgbd.js';
import type { FrameEntry } from '../../src/sources/recording.js';

const entry = (scene: string, id: string): FrameEntry => ({
  scene,
  id,
  labelled: true,
  fingerprint: '',
  labelFingerprint: '',
});

function planned(dataset: Dataset, frames: readonly FrameEntry[], listed?: ReadonlySet<string>): string[] {
  return planFrames(dataset, { frames, bad: [] }, listed).frames.map(({ scene, id }) => `${scene}/${id}`);
}

test('ScanNet: rooms by their official split, the hidden ones for nothing', () => {
  const splits = Array.from({ length: 807 }, (_, room) =>
    scannet.splitOf(`scene${`${room}`.padStart(4, '0')}_00`),
  );
  const count = (split: string | undefined) => splits.filter((found) => found === split).length;
  // 707 rooms with labels; 71 and 142 of them in the validation lists of v1 and v2; 100 hidden.
  expect([count('training'), count('validation'), count('test'), count(undefined)]).toEqual([
    707 - 71 - 142,
    71,
    142,
    100,
  ]);
  expect(scannet.splitOf('scene0534_01')).toBe('validation');
  expect(scannet.splitOf('scene0568_02')).toBe('test');
  expect(scannet.splitOf('kitchen')).toBeUndefined();
});

test('ScanNet: every 35th frame by its number, every 140th of validation scenes', () => {
  const ids = ['0', '34', '35', '000070', '105', '140', '141'];
  const frames = ['scene0000_00', 'scene0003_00', 'scene0011_00'].flatMap((scene) =>
    ids.map((id) => entry(scene, id)),
  );
  expect(planned(scannet, frames)).toEqual([
    ...['0', '35', '000070', '105', '140'].map((id) => `scene0000_00/${id}`),
    ...['0', '140'].map((id) => `scene0003_00/${id}`),
    ...['0', '35', '000070', '105', '140'].map((id) => `scene0011_00/${id}`),
  ]);
});

test('SceneNet RGB-D: five training splits, the validation split in halves, every tenth frame', () => {
  expect(['0/3', 'train/4/4123', 'train-7-7001', '16/16859'].map(scenenetRgbd.splitOf)).toEqual(
    Array(4).fill('training'),
  );
  expect(scenenetRgbd.splitOf('train/1/1003')).toBeUndefined();
  expect(['val/0/223', 'val/0/224'].map(scenenetRgbd.splitOf)).toEqual(['test', 'validation']);
  const frames = Array.from({ length: 300 }, (_, i) => entry('train/0/3', `${25 * i}`));
  expect(planned(scenenetRgbd, frames)).toEqual(Array.from({ length: 30 }, (_, i) => `train/0/3/${250 * i}`));
});

test('frames are called as the published lists call them', () => {
  expect(scannet.publishedName?.({ scene: 'scene0000_00', id: '35' })).toBe('scene0000_00_000035');
  expect(scenenetRgbd.publishedName?.({ scene: 'train/4/4123', id: '250' })).toBe('04_04123_0250');
  expect(scenenetRgbd.publishedName?.({ scene: 'val/0/5', id: '0' })).toBe('val_00_00005_0000');
  // What a list names is taken, whatever its number, but never for training what is for something else.
  const frames = ['0', '1', '35'].map((id) => entry('scene0000_00', id));
  expect(planned(scannet, frames, new Set(['scene0000_00_000001', 'scene0000_00_000035']))).toEqual([
    'scene0000_00/1',
    'scene0000_00/35',
  ]);
});

test('Matterport3D: houses by the official split, every fifth view in order, bad ones counted', () => {
  expect(matterport3d.splitOf('17DRP5sb8fy')).toBe('training');
  expect(matterport3d.splitOf('2azQ1b91cZZ')).toBe('validation');
  expect(matterport3d.splitOf('Vt2qJdWjCF2')).toBe('test');
  const ids = Array.from({ length: 12 }, (_, i) => `pano_i${Math.floor(i / 6)}_${i % 6}`);
  const bad = { scene: '17DRP5sb8fy', id: ids[3], file: 'x', reason: 'y' };
  const frames = ids.filter((id) => id !== bad.id).map((id) => entry('17DRP5sb8fy', id));
  const plan = planFrames(matterport3d, { frames, bad: [bad] });
  expect(plan.frames.map(({ id }) => id)).toEqual([ids[0], ids[5], ids[10]]);
  expect(plan.bad).toEqual([]);
});

test('an unknown data set is refused with the names of those there are', () => {
  expect(() => findDataset('kitti')).toThrow('expected one of scenenet-rgbd, scannet, matterport3d');
  expect(findDataset('scannet')).toBe(scannet);
  for (const { facts } of DATASETS)
    for (const sentences of Object.values(facts)) expect(sentences.length).toBeGreaterThan(0);
});
