import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { k4, sens, zlibDepth } from '../../bench/sens-builder.js';
import { correctedFrame, writeCorrection } from '../../src/sources/correction.js';
import type { Format } from '../../src/sources/formats.js';
import { openRecording } from '../../src/sources/open.js';
import { type Files, png, png16, writeRecording } from './builders.js';
import {
  inverse,
  pointsOf,
  SCENE,
  SCENE_INTRINSICS,
  SCENE_SIZE,
  type SceneFrame,
  scenePoints,
  storedDepth,
} from './formats-scene.js';

/** How the scene is written in one format. */
interface Writer {
  readonly format: Format;
  /** Where one format has several ways. */
  readonly kind?: string;
  /** Steps of depth a metre, as stored. */
  readonly depthScale: number;
  /** Significant digits that poses and intrinsics keep; undefined = all of a double's. */
  readonly digits?: number;
  readonly write: () => Files;
}

const { width, height } = SCENE_SIZE;
const { fx, fy, cx, cy } = SCENE_INTRINSICS;
const depthPng = (frame: SceneFrame, scale: number) => png16(width, height, storedDepth(frame, scale));
const rows = (m: ArrayLike<number>, side: number) =>
  `${Array.from({ length: side }, (_, r) =>
    Array.from(m)
      .slice(r * side, (r + 1) * side)
      .join(' '),
  ).join('\n')}\n`;
const columns = (m: ArrayLike<number>, side: number) =>
  Array.from({ length: side * side }, (_, i) => m[(i % side) * side + Math.floor(i / side)]!);
const six = (i: number) => `${i}`.padStart(6, '0');
const K3 = [fx, 0, cx, 0, fy, cy, 0, 0, 1];
const collect = (write: (frame: SceneFrame, i: number) => Files): Files =>
  Object.assign({}, ...SCENE.map(write));
const position = (frame: SceneFrame) => [3, 7, 11].map((i) => frame.cameraToWorld[i]!);

const WRITERS: readonly Writer[] = [
  {
    format: 'own',
    depthScale: 1000,
    write: () => ({
      'recording.json': JSON.stringify({ intrinsics: { width, height, fx, fy, cx, cy } }),
      ...collect((frame, i) => ({
        [`room/${six(i)}.color.png`]: frame.colourPng,
        [`room/${six(i)}.depth.png`]: depthPng(frame, 1000),
        [`room/${six(i)}.pose.txt`]: rows(frame.cameraToWorld, 4),
      })),
    }),
  },
  {
    format: '7scenes',
    depthScale: 1000,
    write: () => ({
      'camera-intrinsics.txt': rows(K3, 3),
      ...collect((frame, i) => ({
        [`frame-${six(i)}.color.png`]: frame.colourPng,
        [`frame-${six(i)}.depth.png`]: depthPng(frame, 1000),
        [`frame-${six(i)}.pose.txt`]: rows(frame.cameraToWorld, 4),
      })),
    }),
  },
  {
    format: 'sens',
    depthScale: 1000,
    digits: 7,
    write: () => ({
      'scene0000_00.sens': sens(
        {
          depthIntrinsics: k4(fx, fy, cx, cy),
          colourCompression: 1,
          colourSize: [width, height],
          depthSize: [width, height],
        },
        SCENE.map((frame) => ({
          pose: frame.cameraToWorld,
          depthTime: Math.round(frame.time * 1e6),
          colour: frame.colourPng,
          depth: zlibDepth(storedDepth(frame, 1000)),
        })),
      ),
    }),
  },
  {
    format: 'scannet',
    depthScale: 1000,
    digits: 6,
    write: () => ({
      'intrinsic/intrinsic_depth.txt': rows(k4(fx, fy, cx, cy), 4),
      ...collect((frame, i) => ({
        [`color/${i}.png`]: frame.colourPng,
        [`depth/${i}.png`]: depthPng(frame, 1000),
        // SensReader prints poses with %f.
        [`pose/${i}.txt`]: rows(
          Array.from(frame.cameraToWorld, (x) => Number(x.toFixed(6))),
          4,
        ),
      })),
    }),
  },
  {
    format: 'tum',
    depthScale: 5000,
    digits: 4,
    write: () => {
      const lists = {
        rgb: '# colour images\n',
        depth: '# depth maps\n',
        truth: '# ground truth trajectory\n',
      };
      const files = collect((frame, i) => {
        const [colourTime, depthTime, poseTime] = [0, 0.011, 0.014].map((late) =>
          (frame.time + late).toFixed(6),
        );
        lists.rgb += `${colourTime} rgb/${i}.png\n`;
        lists.depth += `${depthTime} depth/${i}.png\n`;
        const pose = [...position(frame), ...frame.quaternion].map((x) => x.toFixed(4));
        lists.truth += `${poseTime} ${pose.join(' ')}\n`;
        return { [`rgb/${i}.png`]: frame.colourPng, [`depth/${i}.png`]: depthPng(frame, 5000) };
      });
      return {
        ...files,
        'rgb.txt': lists.rgb,
        'depth.txt': lists.depth,
        'groundtruth.txt': lists.truth,
        'calibration.txt': `${fx} ${fy} ${cx} ${cy}\n`,
      };
    },
  },
  {
    format: 'redwood',
    kind: 'trajectory.log',
    depthScale: 1000,
    digits: 8,
    write: () => ({
      ...redwoodImages(),
      'camera_intrinsic.json': JSON.stringify({ width, height, intrinsic_matrix: columns(K3, 3) }),
      'trajectory.log': SCENE.map(
        (frame, i) =>
          `${i} ${i} ${i + 1}\n${rows(
            Array.from(frame.cameraToWorld, (x) => Number(x.toFixed(8))),
            4,
          )}`,
      ).join(''),
    }),
  },
  {
    format: 'redwood',
    kind: 'trajectory.json',
    depthScale: 1000,
    write: () => ({
      ...redwoodImages(),
      'trajectory.json': JSON.stringify({
        class_name: 'PinholeCameraTrajectory',
        version_major: 1,
        version_minor: 0,
        parameters: SCENE.map((frame) => ({
          class_name: 'PinholeCameraParameters',
          extrinsic: columns(inverse(frame.cameraToWorld), 4),
          intrinsic: { width, height, intrinsic_matrix: columns(K3, 3) },
        })),
      }),
    }),
  },
  {
    format: 'replica',
    depthScale: 6553.5,
    write: () => ({
      'cam_params.json': JSON.stringify({ camera: { w: width, h: height, fx, fy, cx, cy, scale: 6553.5 } }),
      'traj.txt': SCENE.map((frame) => `${Array.from(frame.cameraToWorld).join(' ')}\n`).join(''),
      ...collect((frame, i) => ({
        [`results/frame${six(i)}.png`]: frame.colourPng,
        [`results/depth${six(i)}.png`]: depthPng(frame, 6553.5),
      })),
    }),
  },
  {
    format: 'stray',
    depthScale: 1000,
    digits: 7,
    write: () => ({
      'camera_matrix.csv': K3.map((x, i) => `${x}${i % 3 === 2 ? '\n' : ', '}`).join(''),
      'odometry.csv': `timestamp, frame, x, y, z, qx, qy, qz, qw\n${SCENE.map((frame, i) =>
        [frame.time, six(i), ...[...position(frame), ...frame.quaternion].map(Math.fround)].join(', '),
      ).join('\n')}\n`,
      ...collect((frame, i) => ({
        [`rgb/${six(i)}.png`]: frame.colourPng,
        [`depth/${six(i)}.png`]: depthPng(frame, 1000),
        [`confidence/${six(i)}.png`]: png(
          width,
          height,
          Array.from(frame.depth, () => 2),
        ),
      })),
    }),
  },
];

function redwoodImages(): Files {
  return collect((frame, i) => ({
    [`color/${six(i)}.png`]: frame.colourPng,
    [`depth/${six(i)}.png`]: depthPng(frame, 1000),
  }));
}

/** Farther from the world's origin than any point or camera of the scene, metres. */
const REACH = 8;

describe('the same scene in every format', () => {
  it.each(WRITERS.map((writer) => [`${writer.format} ${writer.kind ?? ''}`.trim(), writer] as const))(
    'has the same points: %s',
    async (_, { format, depthScale, digits = 15, write }) => {
      const path = await writeRecording(write());
      const recording = await openRecording(path); // by what is in it
      expect(recording).toMatchObject({ format, bad: [] });
      expect(recording.frames).toHaveLength(SCENE.length);
      if (format !== 'own' && format !== 'sens') {
        expect(recording.frames[0]!.scene).toBe(basename(path));
      }
      // Half a step of depth along the ray, and a half of the last digit of each number of the pose.
      const tolerance = (0.5 / depthScale) * 1.5 + REACH * 3 * 10 ** -digits + 1e-6;
      for (const [i, entry] of recording.frames.entries()) {
        const frame = await recording.read(entry, SCENE_SIZE);
        expect(frame.colour).toHaveLength(SCENE[i]!.colour.length);
        expect(Uint8Array.from(frame.colour)).toEqual(SCENE[i]!.colour);
        const expected = scenePoints(SCENE[i]!);
        const points = pointsOf(frame);
        let farthest = 0;
        for (let at = 0; at < expected.length; at++) {
          expect(Number.isNaN(points[at])).toBe(Number.isNaN(expected[at]));
          if (!Number.isNaN(expected[at]))
            farthest = Math.max(farthest, Math.abs(points[at]! - expected[at]!));
        }
        expect(farthest).toBeLessThan(tolerance);
      }
    },
  );

  const correction = {
    poses: 'world-to-camera',
    axes: 'opengl',
    depthFactor: 0.2,
    depth: 'ray',
  } as const;
  it.each(WRITERS.map((writer) => [`${writer.format} ${writer.kind ?? ''}`.trim(), writer] as const))(
    'is set right by a correction beside it: %s',
    async (_, { format, write }) => {
      const files = write();
      const folder = await writeRecording(files);
      // A recording in one file is opened as that.
      const path = format === 'sens' ? join(folder, Object.keys(files)[0]!) : folder;
      const plain = await openRecording(path);
      await writeCorrection(path, correction);
      const corrected = await openRecording(path);
      expect(corrected).toMatchObject({ format, bad: [], correction });
      for (const [i, entry] of corrected.frames.entries()) {
        const expected = correctedFrame(await plain.read(plain.frames[i]!, SCENE_SIZE), correction);
        expect(await corrected.read(entry, SCENE_SIZE)).toEqual(expected);
        expect(await corrected.readPose?.(entry)).toEqual(corrected.readPose && expected.cameraToWorld);
        expect(await corrected.readTime?.(entry)).toEqual(await plain.readTime?.(plain.frames[i]!));
        expect(entry.fingerprint).not.toBe(plain.frames[i]!.fingerprint);
      }
    },
  );
});
