import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeColour, decodeGrey } from '../../src/sources/images.js';
import { openRecording } from '../../src/sources/open.js';
import { readProbabilities } from '../../src/sources/probability-files.js';
import { readIds } from '../../src/sources/superpixel-files.js';
import {
  arrowMap,
  type Files,
  jpeg,
  npy,
  pgm,
  png,
  png16,
  poseAt,
  ramp,
  writeRecording,
} from './builders.js';
import { damaged, survives } from './damaged.js';

// Files get cut short and bytes get flipped: whatever comes of it is a frame or a report, nothing else.

const SIZE = { width: 8, height: 6 };

async function readAll(path: string): Promise<void> {
  const recording = await openRecording(path);
  for (const entry of recording.frames) await recording.read(entry, SIZE);
}

const bytesOf = (content: string | Uint8Array) =>
  typeof content === 'string' ? Buffer.from(content) : content;
const noisy = (i: number) => 500 + ((i * 7919) % 3000);

let own: Files;
let viewal: Files;
let seven: Files;
beforeAll(async () => {
  const colour = await jpeg(16, 12, [200, 100, 50]);
  own = {
    'recording.json':
      '{"classes": ["bed", "chair"], "intrinsics": {"width": 16, "height": 12, "fx": 20, "fy": 20, "cx": 8, "cy": 6}}',
    'labelled.txt': 'room/0\n# all\n',
    'room/intrinsics.json': '{"width": 16, "height": 12, "fx": 20, "fy": 20, "cx": 8, "cy": 6}',
    'room/0.color.jpg': colour,
    'room/0.depth.png': png16(16, 12, ramp(192, noisy)),
    'room/0.pose.txt': poseAt(1.25, -2.5, 0.75),
    'room/0.label.png': png(
      16,
      12,
      ramp(192, (i) => i % 2),
    ),
  };
  viewal = {
    'color/scene0000_00_0.png': png(
      16,
      12,
      ramp(192 * 3, (i) => i % 251),
      { type: 2 },
    ),
    'depth/scene0000_00_0.pgm': pgm(16, 12, ramp(192, noisy)),
    'pose/scene0000_00_0.txt': poseAt(0, 0, 0),
    'info/scene0000_00.txt':
      'm_depthWidth = 16\nm_depthHeight = 12\nm_depthShift = 1000\nm_calibrationDepthIntrinsic = 20 0 8 0 0 20 6 0 0 0 1 0 0 0 0 1\n',
    'seedset_0_frames.txt': 'scene0000_00_0\n',
  };
  seven = {
    'frame-000000.color.jpg': colour,
    'frame-000000.depth.png': png16(16, 12, ramp(192, noisy)),
    'frame-000000.pose.txt': poseAt(0, 0, 0),
    'camera-intrinsics.txt': '20 0 8\n0 20 6\n0 0 1\n',
  };
});

describe('damage to images', () => {
  it.each([
    ['JPEG colour', () => own['room/0.color.jpg']!, decodeColour],
    ['PNG colour', () => viewal['color/scene0000_00_0.png']!, decodeColour],
    ['PNG depth', () => own['room/0.depth.png']!, decodeGrey],
    ['PGM depth', () => viewal['depth/scene0000_00_0.pgm']!, decodeGrey],
    ['PNG labels', () => own['room/0.label.png']!, decodeGrey],
  ])('is an image or a report: %s', async (_, content, decode) => {
    for (const bytes of damaged(bytesOf(content()))) await survives(() => decode(bytes, 'image'));
  });
});

describe('damage to the other files of a recording', () => {
  it.each<[string, () => Files]>([
    ['recording.json', () => own],
    ['labelled.txt', () => own],
    ['room/intrinsics.json', () => own],
    ['room/0.pose.txt', () => own],
    ['info/scene0000_00.txt', () => viewal],
    ['pose/scene0000_00_0.txt', () => viewal],
    ['seedset_0_frames.txt', () => viewal],
    ['camera-intrinsics.txt', () => seven],
  ])('is a frame or a report: %s', async (name, files) => {
    const path = await writeRecording(files());
    await readAll(path); // sound to begin with
    for (const bytes of damaged(bytesOf(files()[name]!))) {
      await writeFile(join(path, name), bytes);
      await survives(() => readAll(path));
    }
  });
});

describe("damage to the user's own maps", () => {
  const map = ramp(144, (i) => (i % 3 === 0 ? 0.5 : 0.25));
  it.each([
    ['ids.png', png16(8, 6, ramp(48)), (file: string) => readIds(file, SIZE)],
    ['ids.npy', npy('<i8', [6, 8], ramp(48)), (file: string) => readIds(file, SIZE)],
    ['map.npy', npy('<f4', [6, 8, 3], map), (file: string) => readProbabilities(file, SIZE)],
  ])('is read or reported: %s', async (name, content, read) => {
    const file = join(await writeRecording({ [name]: content }), name);
    await read(file);
    for (const bytes of damaged(content)) {
      await writeFile(file, bytes);
      await survives(() => read(file));
    }
  });

  it('is read or reported: map.arrow', async () => {
    const content = arrowMap('float32', map);
    const file = join(await writeRecording({}), 'map.arrow');
    // The values only: the Arrow library walks a damaged schema without bounds.
    const start = Buffer.from(content).indexOf(Buffer.from(Float32Array.from(map).buffer));
    for (const bytes of damaged(content, [start, start + map.length * 4])) {
      await writeFile(file, bytes);
      await survives(() => readProbabilities(file, SIZE));
    }
  });

  it('never goes unseen where the file is cut', async () => {
    for (const [name, content, read] of [
      ['ids.png', png16(8, 6, ramp(48)), readIds],
      ['ids.npy', npy('<i8', [6, 8], ramp(48)), readIds],
      ['map.arrow', arrowMap('float16', map), readProbabilities],
    ] as const) {
      const file = join(await writeRecording({}), name);
      // The last 12 bytes of a PNG say only that it ends.
      for (let length = 0; length < content.length - 12; length++) {
        await writeFile(file, content.subarray(0, length));
        expect(await survives(() => read(file, SIZE)), `${name} cut to ${length}`).toBe('reported');
      }
    }
  });
});
