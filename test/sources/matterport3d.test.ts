import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { IGNORE } from '../../src/frame.js';
import { openRecording } from '../../src/sources/open.js';
import { type Files, jpeg, png, png16, ramp, without, writeRecording } from './builders.js';
import { damaged, readWhole, survives } from './damaged.js';

const SIZE = { width: 10, height: 8 };
const HOUSE = '17DRP5sb8fy';
const DEPTH = ramp(80, (i) => (i === 3 ? 0 : 4000 + 100 * i));
const PANORAMA = '03a8325e3b054e3fad7e1e7091f9d283';

const scan = (name: string, ...matrix: readonly number[]) =>
  `scan ${name.replace('_i', '_d')}.png ${name}.jpg ${matrix.join(' ')}`;
/** Where it stands, axes as the world's: looks along -z with y up. */
const at = (x: number, y: number, z: number) => [1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, z, 0, 0, 0, 1];
/** From the data set's documentation of the format, and one of its files: two cameras, the second turned to look along +x with z up. */
const CONF = `dataset matterport
n_images 3
depth_directory undistorted_depth_images
color_directory undistorted_color_images

intrinsics_matrix 1076.45 0 631.116  0 1077.19 509.202  0 0 1
${scan(`${PANORAMA}_i0_0`, ...at(1, 2, 3))}
${scan(`${PANORAMA}_i0_1`, ...at(4, 5, 6))}

intrinsics_matrix 1000 0 640  0 1100 500  0 0 1
${scan(`${PANORAMA}_i1_0`, ...[0, 0, -1, 7], ...[-1, 0, 0, 8], ...[0, 1, 0, 9], ...[0, 0, 0, 1])}
`;

let colour: Buffer;
beforeAll(async () => {
  colour = await jpeg(10, 8, [120, 60, 30]);
});
function house(prefix = '', conf = CONF): Files {
  const images = ['0_0', '0_1', '1_0'].flatMap((place) => [
    [`${prefix}undistorted_color_images/${PANORAMA}_i${place}.jpg`, colour],
    [`${prefix}undistorted_depth_images/${PANORAMA}_d${place}.png`, png16(10, 8, DEPTH)],
  ]);
  return {
    [`${prefix}undistorted_camera_parameters/${HOUSE}.conf`]: conf,
    ...Object.fromEntries(images),
  };
}
const open = async (files: Files) => openRecording(await writeRecording(files));

describe('Matterport3D', () => {
  it('comes as its frames', async () => {
    const recording = await open(house());
    expect(recording).toMatchObject({ format: 'matterport3d', classes: [], bad: [] });
    expect(recording.frames.map(({ scene, id, labelled }) => [scene, id, labelled])).toEqual(
      ['0_0', '0_1', '1_0'].map((place) => [HOUSE, `${PANORAMA}_d${place}`, false]),
    );
    const first = await recording.read(recording.frames[0]!, SIZE);
    expect(first.depth).toEqual(Float32Array.from(DEPTH, (stored) => stored / 4000));
    [120, 60, 30].forEach((shade, i) => {
      expect(Math.abs(first.colour[i]! - shade)).toBeLessThanOrEqual(3);
    });
    expect([...first.cameraToWorld].map((n) => n + 0)).toEqual([
      1, 0, 0, 1, 0, -1, 0, 2, 0, 0, -1, 3, 0, 0, 0, 1,
    ]);
    expect(
      await Promise.all(recording.frames.map(async (e) => (await recording.read(e, SIZE)).timestamp)),
    ).toEqual([0, 1, 2]);
    expect(recording.readTime).toBeUndefined();
  });

  it("takes each scan's own intrinsics, cy counted from below, for 1280×1024", async () => {
    const recording = await open(house());
    const full = { width: 1280, height: 1024 };
    // The data set's matterport_camera_intrinsics have 1076.45 1077.19 631.116 513.798 for this camera, y from the top.
    const [first, , last] = await Promise.all(
      recording.frames.map(async (entry) => recording.read(entry, SIZE)),
    );
    const scaled = ({ width, height }: typeof full, [fx, fy, cx, cy]: readonly number[]) => [
      fx! * (width / full.width),
      fy! * (height / full.height),
      ((cx! + 0.5) * width) / full.width - 0.5,
      ((cy! + 0.5) * height) / full.height - 0.5,
    ];
    for (const [frame, stated] of [
      [first!, [1076.45, 1077.19, 631.116, 513.798]],
      [last!, [1000, 1100, 640, 523]],
    ] as const) {
      const { fx, fy, cx, cy } = frame.intrinsics;
      scaled(SIZE, stated).forEach((value, i) => {
        expect([fx, fy, cx, cy][i]).toBeCloseTo(value, 9);
      });
    }
  });

  it('looks along -z of the poses as stored', async () => {
    const recording = await open(house());
    const pose = await recording.readPose!(recording.frames[2]!);
    const forward = [2, 6, 10].map((i) => pose[i]! + 0);
    const down = [1, 5, 9].map((i) => pose[i]! + 0);
    expect([forward, down]).toEqual([
      [1, 0, 0],
      [0, 0, -1],
    ]);
  });

  it.each<[what: string, prefix: string]>([
    ['a folder of houses', `${HOUSE}/`],
    ['a folder of houses as the archives unpack', `${HOUSE}/${HOUSE}/`],
  ])('takes %s', async (_, prefix) => {
    const files = {
      ...house(prefix),
      'YmJkqBEsHnH/notes.txt': '',
      'other/undistorted_camera_parameters/a.conf': '',
    };
    const recording = await open(files);
    expect(recording.frames.map(({ scene }) => scene)).toEqual([HOUSE, HOUSE, HOUSE]);
    await recording.read(recording.frames[2]!, SIZE);
  });

  it('takes labels as rendered, mpcat40 or of a list', async () => {
    const label = `label/${PANORAMA}_d0_0.png`;
    const stored = ramp(80, (i) => [0, 1, 2, 40, 41, 500][i % 6]!);
    const recording = await open({ ...house(), [label]: png16(10, 8, stored) });
    expect(recording.classes).toHaveLength(40);
    expect(recording.classes.slice(0, 3)).toEqual(['wall', 'floor', 'chair']);
    expect(recording.classes[39]).toBe('misc');
    expect(recording.frames.map(({ labelled }) => labelled)).toEqual([true, false, false]);
    const { labels } = await recording.read(recording.frames[0]!, SIZE);
    expect([...labels!.subarray(0, 6)]).toEqual([IGNORE, 0, 1, 39, IGNORE, IGNORE]);
    expect((await recording.read(recording.frames[1]!, SIZE)).labels).toBeUndefined();

    const own = await open({
      ...house(`${HOUSE}/`),
      [`${HOUSE}/${label}`]: png(
        10,
        8,
        ramp(80, (i) => i % 4),
      ),
      'classes.txt': 'wall\r\n\nfloor\n',
    });
    expect(own.classes).toEqual(['wall', 'floor']);
    expect([...(await own.read(own.frames[0]!, SIZE)).labels!.subarray(0, 4)]).toEqual([
      IGNORE,
      0,
      1,
      IGNORE,
    ]);
    await expect(open({ ...house(), [label]: colour, 'classes.txt': 'wall\nwall' })).rejects.toThrow(
      'classes.txt: expected different class names',
    );
  });

  it('reports scans that lack an image, a pose or intrinsics; those without any image are not there', async () => {
    const conf = `${CONF.replace('1076.45', '0').replace('1 0 0 4 ', 'nan 0 0 4 ')}${scan(`${PANORAMA}_i2_0`, 1, 2)}\n${scan('absent_i0_0', ...at(0, 0, 0))}\n`;
    const files = {
      ...house('', conf),
      [`undistorted_color_images/${PANORAMA}_i2_0.jpg`]: colour,
      [`undistorted_depth_images/${PANORAMA}_d2_0.png`]: png16(10, 8, DEPTH),
    };
    const recording = await open(without(files, `undistorted_color_images/${PANORAMA}_i0_1.jpg`));
    expect(recording.frames.map(({ id }) => id)).toEqual([`${PANORAMA}_d1_0`]);
    const file = `undistorted_camera_parameters/${HOUSE}.conf`;
    expect(recording.bad.map(({ id, file, reason }) => [id.slice(-3), file, reason])).toEqual([
      ['0_0', `${file}, line 6`, 'focal lengths 0 and 1077.19, expected both above 0'],
      ['0_1', `undistorted_color_images/${PANORAMA}_i0_1.jpg`, 'missing'],
      ['2_0', `${file}, line 12`, '2 values, expected the 16 of a 4×4 camera-to-world matrix'],
    ]);
  });

  it('stops where a conf is no good, and goes on with other houses', async () => {
    const conf = `undistorted_camera_parameters/${HOUSE}.conf`;
    await expect(open(house('', 'dataset matterport\n'))).rejects.toThrow(`${conf}: no scans.`);
    await expect(open(house('', CONF.replace('undistorted_depth_images', '../secrets')))).rejects.toThrow(
      `${conf}, line 3: "../secrets", expected a folder's name.`,
    );
    await expect(open(house('', CONF.replaceAll('intrinsics', 'x')))).rejects.toThrow(
      'a scan before any intrinsics_matrix',
    );
    const other = 'YmJkqBEsHnH/undistorted_camera_parameters/YmJkqBEsHnH.conf';
    const recording = await open({ ...house(`${HOUSE}/`), [other]: '' });
    expect(recording.frames).toHaveLength(3);
    expect(recording.bad).toEqual([{ scene: 'YmJkqBEsHnH', id: '', file: other, reason: 'no scans' }]);
    await expect(open({ 'YmJkqBEsHnH/notes.txt': '' })).rejects.toThrow(
      'holds no house: expected undistorted_camera',
    );
  });

  it('tells of another conf by the fingerprints', async () => {
    const path = await writeRecording(house());
    const first = (await openRecording(path)).frames;
    expect((await openRecording(path)).frames).toEqual(first);
    expect(new Set(first.map(({ fingerprint }) => fingerprint)).size).toBe(3);
    await writeFile(
      join(path, `undistorted_camera_parameters/${HOUSE}.conf`),
      CONF.replace('509.202', '510.202'),
    );
    expect((await openRecording(path)).frames[0]!.fingerprint).not.toBe(first[0]!.fingerprint);
  });

  it('has a conf that may be damaged anywhere', async () => {
    const path = await writeRecording(house());
    await readWhole(path, SIZE);
    for (const bytes of damaged(Buffer.from(CONF))) {
      await writeFile(join(path, `undistorted_camera_parameters/${HOUSE}.conf`), bytes);
      await survives(() => readWhole(path, SIZE));
    }
  });
});
