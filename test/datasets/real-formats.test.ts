import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import { k4, type SensFrameBytes, sens, zlibDepth } from '../../bench/sens-builder.js';
import { matterport3d } from '../../src/datasets/matterport3d.js';
import { scannet } from '../../src/datasets/scannet.js';
import { scenenetRgbd } from '../../src/datasets/scenenet-rgbd.js';
import { frameName, IGNORE } from '../../src/frame.js';
import { openRecording } from '../../src/sources/open.js';
import { prepareDataset } from '../../src/stages/prepare-dataset.js';
import { temporaryFolder } from '../sample.js';
import { type Files, jpeg, png16, ramp, writeRecording } from '../sources/builders.js';
import { zip } from '../sources/zip-builder.js';

const SIZE = { width: 8, height: 6 };
const DEPTH = ramp(48, (i) => (i === 5 ? 0 : 1000 + 13 * i));
const LOST = Array.from({ length: 16 }, () => Number.NEGATIVE_INFINITY);
const names = (frames: readonly { scene: string; id: string }[]) => frames.map(frameName);

/** As `download-scannet.py` leaves it: `.sens` files, label archives, and the table of labels. */
async function scannetDownload(): Promise<string> {
  const colour = await jpeg(16, 12, [200, 100, 50]);
  const depth = zlibDepth(DEPTH);
  const frames = Array.from({ length: 142 }, (_, i): SensFrameBytes => {
    const pose = [0, -1, 0, i / 100, 1, 0, 0, -2.25, 0, 0, 1, 0.75, 0, 0, 0, 1];
    return { pose: i === 70 ? LOST : pose, colour, depth };
  });
  const settings = {
    depthIntrinsics: k4(7.5, 8.5, 3.25, 2.75),
    colourSize: [16, 12],
    depthSize: [8, 6],
  } as const;
  const label = png16(
    8,
    6,
    ramp(48, (i) => [0, 1, 2, 1357][i % 4]!),
  );
  const labels = Object.fromEntries(frames.map((_, i) => [`label-filt/${i}.png`, label]));
  const scans = ['scene0001_00', 'scene0003_00', 'scene0011_00'];
  const files: Files = Object.fromEntries(
    scans.flatMap((scan) => [
      [`scans/${scan}/${scan}.sens`, sens(settings, frames)],
      [`scans/${scan}/${scan}_2d-label-filt.zip`, zip(labels)],
      [`scans/${scan}/${scan}.txt`, 'colorWidth = 16\n'],
    ]),
  );
  const table = 'id\traw_category\tnyu40id\n1\twall\t1\n2\tchair\t5\n1357\tcontrol panel\t40\n';
  return writeRecording({ ...files, 'scannetv2-labels.combined.tsv': table });
}

test('ScanNet as downloaded becomes its subset', async () => {
  const download = await scannetDownload();
  const out = join(await temporaryFolder(), 'prepared');
  const options = { dataset: scannet, download, out, size: SIZE, workers: 2 };
  const prepared = await prepareDataset(options);
  // Frame 70 has lost its camera; it is no frame of the validation scenes' subset.
  const every35th = ['0', '35', '105', '140'];
  expect(names(prepared.training)).toEqual(every35th.map((id) => `scene0001_00/${id}`));
  expect(names(prepared.validation)).toEqual(['scene0003_00/0', 'scene0003_00/140']);
  expect(names(prepared.test)).toEqual(every35th.map((id) => `scene0011_00/${id}`));
  expect(prepared.leftOut).toBe(2);
  expect(existsSync(join(out, 'left-out.txt'))).toBe(true);

  const recording = await openRecording(out);
  const frame = await recording.read(recording.frames[1]!, SIZE);
  expect(frame.depth).toEqual(Float32Array.from(DEPTH, (value) => value / 1000));
  expect(frame.intrinsics).toEqual({ fx: 7.5, fy: 8.5, cx: 3.25, cy: 2.75 });
  expect(frame.cameraToWorld[3]).toBe(Math.fround(0.35));
  // Wall, chair and other prop of NYU40; 0 is unlabelled.
  expect([...frame.labels!.slice(0, 4)]).toEqual([IGNORE, 0, 4, 39]);

  await rm(join(download, 'scannetv2-labels.combined.tsv'));
  await expect(
    prepareDataset({ ...options, out: join(await temporaryFolder(), 'prepared') }),
  ).rejects.toThrow('scannetv2-labels.combined.tsv');
});

/** A protobuf of the data set's scenenet.proto, by the package's own encoder. */
function trajectories(renderPaths: readonly string[], numbers: readonly number[]): Uint8Array {
  const field = (number: number, type: number) => (number << 3) | type;
  const file = protobuf.Writer.create();
  const position = (writer: protobuf.Writer, number: number, point: readonly number[]) => {
    writer.uint32(field(number, 2)).fork();
    for (const [i, value] of point.entries()) writer.uint32(field(i + 1, 5)).float(value);
    writer.ldelim();
  };
  const pose = (writer: protobuf.Writer, number: number, x: number, time: number) => {
    writer.uint32(field(number, 2)).fork();
    position(writer, 1, [x, 2, 3]);
    position(writer, 2, [x, 2, 5]);
    writer.uint32(field(3, 5)).float(time).ldelim();
  };
  for (const path of renderPaths) {
    file.uint32(field(1, 2)).fork();
    file.uint32(field(1, 2)).fork().uint32(field(1, 0)).int32(2).uint32(field(2, 2)).string('a.obj').ldelim();
    file.uint32(field(2, 2)).fork().uint32(field(1, 0)).int32(1);
    file.uint32(field(2, 2)).string('04379243').uint32(field(3, 2)).string('table');
    file.uint32(field(4, 0)).int32(4).ldelim();
    for (const number of numbers) {
      file.uint32(field(3, 2)).fork().uint32(field(1, 0)).int32(number);
      pose(file, 2, number / 1000, number / 25);
      pose(file, 3, number / 1000, number / 25 + 0.02);
      file.ldelim();
    }
    file.uint32(field(4, 2)).string(path).ldelim();
  }
  return file.finish();
}

test('SceneNet RGB-D as unpacked becomes its subset', async () => {
  const numbers = Array.from({ length: 21 }, (_, i) => 25 * i);
  const colour = await jpeg(8, 6, [30, 60, 90]);
  const images = (folder: string): Files =>
    Object.fromEntries(
      numbers.flatMap((number) => [
        [`${folder}/photo/${number}.jpg`, colour],
        [`${folder}/depth/${number}.png`, png16(8, 6, DEPTH)],
        [
          `${folder}/instance/${number}.png`,
          png16(
            8,
            6,
            ramp(48, (i) => i % 2),
          ),
        ],
      ]),
    );
  const download = await writeRecording({
    'train_protobufs/scenenet_rgbd_train_0.pb': trajectories(['0/3'], numbers),
    'train_protobufs/scenenet_rgbd_train_1.pb': trajectories(['1/1003'], numbers),
    'scenenet_rgbd_val.pb': trajectories(['0/5', '0/6'], numbers),
    ...images('train/0/3'),
    ...images('train/1/1003'),
    ...images('val/0/5'),
    ...images('val/0/6'),
  });
  const out = join(await temporaryFolder(), 'prepared');
  const prepared = await prepareDataset({ dataset: scenenetRgbd, download, out, size: SIZE, workers: 1 });
  const everyTenth = ['0', '250', '500'];
  expect(names(prepared.training)).toEqual(everyTenth.map((id) => `train_0_3/${id}`));
  expect(names(prepared.validation)).toEqual(everyTenth.map((id) => `val_0_6/${id}`));
  expect(names(prepared.test)).toEqual(everyTenth.map((id) => `val_0_5/${id}`));
  const source = await openRecording(download, { format: 'scenenet' });
  const recording = await openRecording(out);
  const entry = recording.frames[1]!;
  const read = await recording.read(entry, SIZE);
  const original = await source.read(
    source.frames.find(({ scene, id }) => scene === entry.scene && id === entry.id)!,
    SIZE,
  );
  // Lengths of rays have become z, to the millimetre.
  expect(read.depth).toEqual(original.depth.map((z) => Math.round(z * 1000) / 1000));
  expect(read.intrinsics).toEqual(original.intrinsics);
  expect([...read.labels!.slice(0, 2)]).toEqual([IGNORE, scenenetRgbd.classes!.indexOf('table')]);

  await expect(
    prepareDataset({ dataset: scenenetRgbd, download: join(download, 'val'), out: `${out}-2` }),
  ).rejects.toThrow('expected the folder that holds train/ and val/');
});

/** A house as unpacked: so many tripods' places, of three cameras and six directions each; labels as rendered. */
async function house(prefix: string, places: number): Promise<Files> {
  const colour = await jpeg(10, 8, [120, 60, 30]);
  const depth = png16(
    10,
    8,
    ramp(80, (i) => (i === 3 ? 0 : 4000 + 100 * i)),
  );
  const label = png16(
    10,
    8,
    ramp(80, (i) => i % 3),
  );
  const files: Record<string, string | Uint8Array> = {};
  const conf = [
    'dataset matterport',
    `n_images ${18 * places}`,
    'depth_directory undistorted_depth_images',
    'color_directory undistorted_color_images',
  ];
  for (let place = 0; place < places; place++)
    for (let camera = 0; camera < 3; camera++) {
      conf.push(`intrinsics_matrix ${1000 + 10 * camera} 0 640  0 1000 500  0 0 1`);
      for (let yaw = 0; yaw < 6; yaw++) {
        const name = (kind: string) => `${place}abc_${kind}${camera}_${yaw}`;
        const pose = [1, 0, 0, place, 0, 1, 0, camera, 0, 0, 1, yaw, 0, 0, 0, 1];
        conf.push(`scan ${name('d')}.png ${name('i')}.jpg ${pose.join(' ')}`);
        files[`${prefix}undistorted_color_images/${name('i')}.jpg`] = colour;
        files[`${prefix}undistorted_depth_images/${name('d')}.png`] = depth;
        files[`${prefix}label/${name('d')}.png`] = label;
      }
    }
  const [scene] = prefix.split('/').slice(-2);
  return { ...files, [`${prefix}undistorted_camera_parameters/${scene}.conf`]: `${conf.join('\n')}\n` };
}

test('Matterport3D as unpacked becomes its subset, each camera with its own intrinsics', async () => {
  const houses = ['17DRP5sb8fy', '2azQ1b91cZZ', '2t7WUuJeko7'];
  const files = await Promise.all(houses.map((name) => house(`v1/scans/${name}/`, 2)));
  const download = await writeRecording(Object.assign({}, ...files));
  const out = join(await temporaryFolder(), 'prepared');
  const size = { width: 5, height: 4 };
  const prepared = await prepareDataset({ dataset: matterport3d, download, out, size, workers: 2 });
  // 36 views: every fifth, of all cameras.
  const ids = [
    '0abc_d0_0',
    '0abc_d0_5',
    '0abc_d1_4',
    '0abc_d2_3',
    '1abc_d0_2',
    '1abc_d1_1',
    '1abc_d2_0',
    '1abc_d2_5',
  ];
  for (const [i, split] of (['training', 'validation', 'test'] as const).entries())
    expect(names(prepared[split])).toEqual(ids.map((id) => `${houses[i]}/${id}`));
  const source = await openRecording(join(download, 'v1', 'scans'), { format: 'matterport3d' });
  const recording = await openRecording(out);
  expect(recording.classes).toEqual(source.classes);
  const focal = new Set<number>();
  for (const entry of recording.frames) {
    const read = await recording.read(entry, size);
    const original = source.frames.find(({ scene, id }) => scene === entry.scene && id === entry.id)!;
    const { intrinsics, cameraToWorld, labels } = await source.read(original, size);
    expect(read.intrinsics).toEqual(intrinsics);
    expect(read.cameraToWorld).toEqual(cameraToWorld.map((value) => value + 0)); // no −0
    expect(read.labels).toEqual(labels);
    focal.add(read.intrinsics.fx);
  }
  expect(focal.size).toBe(3);
});
