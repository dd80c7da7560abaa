import { chmod, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { openRecording } from '../../src/sources/open.js';
import { VideoFrames } from '../../src/sources/stray/video-frames.js';
import { type Files, npy, png, png16, ramp, without, writeRecording } from './builders.js';
import { damaged, readWhatThereIs } from './damaged.js';

const SIZE = { width: 8, height: 6 };
/** The app's columns, as its newest versions write them; the last two are empty. */
const HEADER =
  'timestamp, frame, x, y, z, qx, qy, qz, qw, fx, fy, cx, cy, distortion_center_x, distortion_center_y';
const row = (frame: number, x: number) =>
  `${1000 + frame / 60}, ${`${frame}`.padStart(6, '0')}, ${x}, 2, 3, 0.0, 0.0, 0.0, 1.0, , , , , , `;
const MATRIX = '1600.0, 0.0, 960.0\n0.0, 1610.0, 720.0\n0.0, 0.0, 1.0';
const depth = (first = 1000) =>
  png16(
    8,
    6,
    ramp(48, (i) => first + i),
  );
const colour = png(
  16,
  12,
  ramp(576, (i) => i % 256),
  { type: 2 },
);

const COMMON: Files = {
  'camera_matrix.csv': MATRIX,
  'odometry.csv': `${HEADER}\n${row(0, 1)}\n${row(1, 2)}\n${row(2, 3)}\n`,
  'depth/000000.png': depth(),
  'depth/000001.png': depth(),
  'depth/000002.png': depth(),
};
const FILES: Files = {
  ...COMMON,
  'rgb/000000.png': colour,
  'rgb/000001.png': colour,
  'rgb/000002.png': colour,
  'confidence/000001.png': png(
    8,
    6,
    ramp(48, (i) => i % 3),
  ),
};

describe('a Stray Scanner recording', () => {
  it('is read with its frames taken out of the video, less depth of the least confidence', async () => {
    const recording = await openRecording(await writeRecording({ ...FILES, 'imu.csv': '' }));
    expect(recording).toMatchObject({ format: 'stray', classes: [], bad: [] });
    expect(recording.frames.map(({ id }) => id)).toEqual(['000000', '000001', '000002']);
    const read = await recording.read(recording.frames[1]!, SIZE);
    expect(read.timestamp).toBeCloseTo(1000 + 1 / 60, 9);
    expect(Array.from(read.cameraToWorld)).toEqual([1, 0, 0, 2, 0, 1, 0, 2, 0, 0, 1, 3, 0, 0, 0, 1]);
    expect(read.depth).toEqual(Float32Array.from(ramp(48, (i) => (i % 3 === 0 ? 0 : (1000 + i) / 1000))));
    // The matrix is for 1920×1440, however small the images are.
    expect(read.intrinsics.fx).toBeCloseTo(1600 / 240, 10);
    expect(read.intrinsics.cy).toBeCloseTo(720.5 / 240 - 0.5, 10);
    const whole = await recording.read(recording.frames[0]!, SIZE);
    expect(whole.depth).toEqual(Float32Array.from(ramp(48, (i) => (1000 + i) / 1000)));
  });

  it("takes a frame's own intrinsics, and columns by their names", async () => {
    const recording = await openRecording(
      await writeRecording({
        ...FILES,
        'odometry.csv':
          'frame,qw,qx,qy,qz,z,y,x,timestamp,fx,fy,cx,cy\n2,0.70710678,0,0,0.70710678,3,2,1,7.5,7.5,8.5,3.25,2.75\n',
      }),
    );
    const read = await recording.read(recording.frames[0]!, SIZE);
    expect(read).toMatchObject({ id: '000002', timestamp: 7.5 });
    expect(read.intrinsics.fx).toBe(7.5 / 2); // for the colour image, twice as large
    expect(read.cameraToWorld[1]).toBeCloseTo(-1, 7);
    expect(read.cameraToWorld[3]).toBe(1);
  });

  it('of the first versions has depth as npy, and lines without names', async () => {
    const recording = await openRecording(
      await writeRecording({
        'camera_matrix.csv': MATRIX,
        'odometry.csv': '1, 2, 3, 0, 0, 0, 1\n4, 5, 6, 0, 0, 0, 1',
        'rgb/000000.png': colour,
        'rgb/000001.png': colour,
        'depth/000000.npy': npy(
          '<u2',
          [6, 8],
          ramp(48, (i) => 1000 + i),
        ),
        'depth/000001.npy': npy('<f4', [6, 8], ramp(48)),
      }),
    );
    const read = await recording.read(recording.frames[0]!, SIZE);
    expect(read.depth[7]).toBe(Math.fround(1.007));
    expect(read.cameraToWorld[11]).toBe(3);
    await expect(recording.read(recording.frames[1]!, SIZE)).rejects.toThrow(
      'depth/000001.npy: <f4 values of shape (6, 8), expected an image of <u2',
    );
  });

  it('reports lines and files that are none, and reads the others', async () => {
    const lines = [
      HEADER,
      row(0, 1),
      '1000.1, 000001, 1, 2, 3, 0, 0, 0, 0.5,,,,,,',
      row(2, 3),
      '1000.2, 0000',
      row(2, 4),
      row(7, 1),
    ];
    const recording = await openRecording(
      await writeRecording({ ...FILES, 'odometry.csv': lines.join('\n') }),
    );
    expect(recording.frames.map(({ id }) => id)).toEqual(['000000', '000002']);
    expect(recording.bad.map(({ file, reason }) => [file, reason])).toEqual([
      ['odometry.csv, line 3', 'a quaternion of length 0.500, expected 1'],
      ['depth/000007.png', 'missing'],
      ['odometry.csv, line 5', 'expected timestamp, frame, x, y, z, qx, qy, qz, qw as numbers'],
      ['odometry.csv, line 6', 'a second line for frame 2'],
    ]);
    await expect(
      openRecording(
        await writeRecording({ ...FILES, 'odometry.csv': 'timestamp, frame, x, y\n1, 2, 3, 4\n' }),
      ),
    ).rejects.toThrow('odometry.csv: no column z, qx, qy, qz, qw in its first line.');
  });

  it('reports confidence of another size, and portrait images', async () => {
    const recording = await openRecording(
      await writeRecording({
        ...FILES,
        'confidence/000001.png': png(6, 8, ramp(48)),
        'rgb/000000.png': png(
          12,
          16,
          ramp(576, (i) => i % 256),
          { type: 2 },
        ),
      }),
    );
    const read = (i: number) => recording.read(recording.frames[i]!, SIZE);
    await expect(read(0)).rejects.toThrow('rgb/000000.png: 12×16, expected the same width to height ratio');
    await expect(read(1)).rejects.toThrow('confidence/000001.png: 6×8, expected 8×6 as depth/000001.png');
    await read(2);
  });

  it.each(['odometry.csv', 'camera_matrix.csv', 'confidence/000001.png'])(
    'that is damaged in %s is frames or a report',
    async (name) => {
      const path = await writeRecording(FILES);
      for (const bytes of damaged(Buffer.from(FILES[name] as string))) {
        await writeFile(join(path, name), bytes);
        expect((await readWhatThereIs(path)).read).toBeLessThanOrEqual(3);
      }
    },
  );
});

/**
 * Stands in for ffmpeg: takes the arguments we give it, and writes as many PPM images as the "video" says, of its size, each filled
 * with its number. A video that says something else is damaged.
 */
const FAKE_FFMPEG = `#!${process.execPath}
const { readFileSync, writeSync, appendFileSync } = require('node:fs');
const args = process.argv.slice(2);
if (args[0] === '-version') process.exit(0);
const input = args[args.indexOf('-i') + 1];
for (const needed of ['-noautorotate', 'image2pipe', 'ppm']) if (!args.includes(needed)) process.exit(9);
appendFileSync(input + '.runs', 'run\\n');
const [kind, count, width, height] = readFileSync(input, 'utf8').trim().split(' ');
if (kind !== 'video') {
  process.stderr.write('moov atom not found\\nsecond line');
  process.exit(1);
}
const write = (bytes) => {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      if (error.code !== 'EAGAIN') process.exit(0);
    }
  }
};
for (let i = 0; i < Number(count); i++) {
  write(Buffer.from('P6\\n' + width + ' ' + height + '\\n255\\n'));
  write(Buffer.alloc(width * height * 3, i));
}
if (args.length > 0 && kind === 'video' && Number(count) === 5) write(Buffer.from('P6\\n' + width));
`;

describe('the video of a Stray Scanner recording', () => {
  const before = process.env.PATH;
  afterEach(() => {
    process.env.PATH = before;
  });

  async function putFfmpegOnPath(): Promise<void> {
    const folder = await writeRecording({ ffmpeg: FAKE_FFMPEG });
    await chmod(join(folder, 'ffmpeg'), 0o755);
    process.env.PATH = [folder, before].join(delimiter);
  }

  it('is read through ffmpeg, in any order', async () => {
    await putFfmpegOnPath();
    const recording = await openRecording(await writeRecording({ ...COMMON, 'rgb.mp4': 'video 3 16 12' }));
    for (const i of [0, 2, 1]) {
      const read = await recording.read(recording.frames[i]!, SIZE);
      expect(Uint8Array.from(read.colour)).toEqual(new Uint8Array(8 * 6 * 3).fill(i));
      expect(read.intrinsics.fx).toBeCloseTo(1600 / 240, 10);
    }
  });

  it('is gone through once by those who ask in about its order, at the same time too', async () => {
    await putFfmpegOnPath();
    // 40 × 150 kB: more than a pipe holds.
    const path = join(await writeRecording({ 'rgb.mp4': 'video 40 256 200' }), 'rgb.mp4');
    const video = new VideoFrames(path, 'rgb.mp4');
    const order = ramp(40, (i) => i ^ 3);
    const frames = await Promise.all(order.map((number) => video.frame(number)));
    frames.forEach(({ data }, i) => {
      expect([data[0], data.at(-1)]).toEqual([order[i], order[i]]);
    });
    expect(await readFile(`${path}.runs`, 'utf8')).toBe('run\n');
    expect((await video.frame(2)).data[0]).toBe(2);
    expect(await readFile(`${path}.runs`, 'utf8')).toBe('run\nrun\n');
  });

  it('that ends early costs the frames after its end; one that cannot be read says what ffmpeg said', async () => {
    await putFfmpegOnPath();
    const short = await openRecording(await writeRecording({ ...COMMON, 'rgb.mp4': 'video 2 16 12' }));
    await short.read(short.frames[1]!, SIZE);
    await expect(short.read(short.frames[2]!, SIZE)).rejects.toThrow(
      'rgb.mp4: ends after 2 frames, before frame 2',
    );
    await short.read(short.frames[0]!, SIZE);
    const none = await openRecording(await writeRecording({ ...COMMON, 'rgb.mp4': 'damaged' }));
    await expect(none.read(none.frames[0]!, SIZE)).rejects.toThrow(
      'rgb.mp4: ffmpeg cannot read it: moov atom not found',
    );
    const cut = join(await writeRecording({ 'rgb.mp4': 'video 5 16 12' }), 'rgb.mp4');
    await expect(new VideoFrames(cut, 'rgb.mp4').frame(5)).rejects.toThrow(
      'rgb.mp4: ffmpeg stopped within a frame',
    );
    const huge = join(await writeRecording({ 'rgb.mp4': 'video 1 999999 999999' }), 'rgb.mp4');
    await expect(new VideoFrames(huge, 'rgb.mp4').frame(0)).rejects.toThrow(
      'rgb.mp4: frames of 999999×999999 pixels',
    );
  });

  it('takes ffmpeg, or its frames', async () => {
    process.env.PATH = await writeRecording({ nothing: '' });
    const path = await writeRecording({ ...COMMON, 'rgb.mp4': 'video 3 16 12' });
    const error: unknown = await openRecording(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(
      /rgb\.mp4 takes ffmpeg to read, which is not on this system's path: expected it there, or the video's frames as rgb\/000000\.jpg/,
    );
    await expect(openRecording(await writeRecording(COMMON))).rejects.toThrow(
      'holds no colour: expected rgb.mp4, or its frames as rgb/000000.jpg.',
    );
    expect(
      (await openRecording(await writeRecording(without(FILES, 'confidence/000001.png')))).frames,
    ).toHaveLength(3);
  });
});
