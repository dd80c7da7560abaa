import { describe, expect, it } from 'vitest';
import type { Frame, Intrinsics, Size } from '../../src/frame.js';
import { openRecording } from '../../src/sources/open.js';
import { type Files, jpeg, png16, writeRecording } from './builders.js';
import { lzfse } from './lzfse-encoder.js';
import { mcapBytes } from './mcap-files.js';
import { type Messages, ROS1, ROS2 } from './ros-messages.js';
import { bag } from './rosbag-files.js';
import { pose, trajectory, view } from './scenenet-builder.js';
import { zip } from './zip-builder.js';

// One slanted wall seen from two places, through each format: the same points of the world come out.

type Vector = readonly [x: number, y: number, z: number];
const dot = (a: Vector, b: Vector) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
const unit = (a: Vector): Vector => [
  a[0] / Math.hypot(...a),
  a[1] / Math.hypot(...a),
  a[2] / Math.hypot(...a),
];

const WALL = { normal: unit([0.3, 0.2, 1]), distance: 4 };

interface Camera {
  readonly place: Vector;
  readonly target: Vector;
  /** Right, down and forward. */
  readonly axes: readonly [x: Vector, y: Vector, z: Vector];
}
const CAMERAS = [
  { place: [0.1, 1.2, -0.3] as const, target: [0.4, 1, 3] as const },
  { place: [-1.1, 0.7, 0.5] as const, target: [0.5, 1.5, 2.5] as const },
].map(({ place, target }): Camera => {
  const z = unit([target[0] - place[0], target[1] - place[1], target[2] - place[2]]);
  const x = unit(cross(z, [0, 1, 0]));
  return { place, target, axes: [x, cross(z, x), z] };
});

/** z-depth and point of the wall for each pixel. */
function seen({ place, axes }: Camera, { width, height }: Size, { fx, fy, cx, cy }: Intrinsics) {
  const depth: number[] = [];
  const lengths: number[] = [];
  const points: Vector[] = [];
  for (let v = 0; v < height; v++)
    for (let u = 0; u < width; u++) {
      const [a, b] = [(u - cx) / fx, (v - cy) / fy];
      const ray = [0, 1, 2].map((i) => a * axes[0][i]! + b * axes[1][i]! + axes[2][i]!) as unknown as Vector;
      const z = (WALL.distance - dot(WALL.normal, place)) / dot(WALL.normal, ray);
      depth.push(z);
      lengths.push(z * Math.hypot(...ray));
      points.push([place[0] + z * ray[0], place[1] + z * ray[1], place[2] + z * ray[2]]);
    }
  return { depth, lengths, points };
}

/** 4×4 row by row, OpenGL axes: right, up, back. */
const openGl = ({ place, axes: [x, y, z] }: Camera) => [
  ...[0, 1, 2].flatMap((i) => [x[i]!, -y[i]!, -z[i]!, place[i]!]),
  ...[0, 0, 0, 1],
];

/** qx, qy, qz, qw of a rotation whose trace is not near -1, x, y, z. */
function quaternion(m: readonly number[]): number[] {
  const w = Math.sqrt(1 + m[0]! + m[5]! + m[10]!) / 2;
  return [
    ...[(m[9]! - m[6]!) / (4 * w), (m[2]! - m[8]!) / (4 * w), (m[4]! - m[1]!) / (4 * w), w],
    ...[m[3]!, m[7]!, m[11]!],
  ];
}

/** Of the same view at another resolution: edges map to edges. */
const at = ({ fx, fy, cx, cy }: Intrinsics, from: Size, to: Size): Intrinsics => ({
  fx: (fx * to.width) / from.width,
  fy: (fy * to.height) / from.height,
  cx: ((cx + 0.5) * to.width) / from.width - 0.5,
  cy: ((cy + 0.5) * to.height) / from.height - 0.5,
});

function pointsOf({
  width,
  height,
  depth,
  intrinsics: { fx, fy, cx, cy },
  cameraToWorld: m,
}: Frame): Vector[] {
  const points: Vector[] = [];
  for (let i = 0; i < width * height; i++) {
    const z = depth[i]!;
    const [x, y] = [((i % width) - cx) * (z / fx), (Math.floor(i / width) - cy) * (z / fy)];
    points.push(
      [0, 4, 8].map(
        (row) => m[row]! * x + m[row + 1]! * y + m[row + 2]! * z + m[row + 3]!,
      ) as unknown as Vector,
    );
  }
  return points;
}

/** @param precision metres */
async function expectPoints(
  files: Files,
  size: Size,
  intrinsics: Intrinsics,
  precision: number,
): Promise<void> {
  const recording = await openRecording(await writeRecording(files));
  expect(recording.bad).toEqual([]);
  for (const [i, camera] of CAMERAS.entries()) {
    const points = pointsOf(await recording.read(recording.frames[i]!, size));
    const { points: expected } = seen(camera, size, intrinsics);
    const worst = Math.max(
      ...points.map((point, k) => Math.hypot(...point.map((value, axis) => value - expected[k]![axis]!))),
    );
    expect(worst).toBeLessThan(precision);
  }
}

describe('the same points come out of', () => {
  it('SceneNet RGB-D, to a millimetre along the ray', async () => {
    const size = { width: 32, height: 24 };
    const intrinsics = at(
      { fx: 277.1281292110204, fy: 289.7056274847714, cx: 159.5, cy: 119.5 },
      { width: 320, height: 240 },
      size,
    );
    const colour = await jpeg(32, 24, [9, 9, 9]);
    const views = CAMERAS.map(({ place, target }, i) =>
      view(25 * i, pose(2, place, target, i), pose(3, place, target, i)),
    );
    const images = CAMERAS.flatMap((camera, i) => [
      [`val/0/1/photo/${25 * i}.jpg`, colour],
      [
        `val/0/1/depth/${25 * i}.png`,
        png16(
          32,
          24,
          seen(camera, size, intrinsics).lengths.map((d) => Math.round(d * 1000)),
        ),
      ],
    ]);
    const files = { 'scenenet_rgbd_val.pb': trajectory('0/1', ...views), ...Object.fromEntries(images) };
    await expectPoints(files, size, intrinsics, 0.00051);
  });

  it('Matterport3D, to a quarter of one in depth', async () => {
    const size = { width: 40, height: 32 };
    const full = { width: 1280, height: 1024 };
    const stated = { fx: 1076.45, fy: 1077.19, cx: 631.116, cy: 513.798 };
    const intrinsics = at(stated, full, size);
    const colour = await jpeg(40, 32, [9, 9, 9]);
    const scans = CAMERAS.map((camera, i) => `scan a_d0_${i}.png a_i0_${i}.jpg ${openGl(camera).join(' ')}`);
    const images = CAMERAS.flatMap((camera, i) => [
      [`undistorted_color_images/a_i0_${i}.jpg`, colour],
      [
        `undistorted_depth_images/a_d0_${i}.png`,
        png16(
          40,
          32,
          seen(camera, size, intrinsics).depth.map((d) => Math.round(d * 4000)),
        ),
      ],
    ]);
    const conf = `intrinsics_matrix ${stated.fx} 0 ${stated.cx} 0 ${stated.fy} ${1023 - stated.cy} 0 0 1\n${scans.join('\n')}\n`;
    const files = { 'undistorted_camera_parameters/house.conf': conf, ...Object.fromEntries(images) };
    await expectPoints(files, size, intrinsics, 0.0002);
  });

  it('Record3D, to what a float holds', async () => {
    const size = { width: 40, height: 30 };
    const photo = { width: 80, height: 60 };
    const stated = { fx: 70, fy: 71, cx: 41, cy: 28.5 };
    const intrinsics = at(stated, photo, size);
    const colour = await jpeg(80, 60, [9, 9, 9]);
    const metadata = {
      ...{ w: 80, h: 60, dw: 40, dh: 30 },
      K: [stated.fx, 0, 0, 0, stated.fy, 0, stated.cx, stated.cy, 1],
      poses: CAMERAS.map((camera) => quaternion(openGl(camera))),
    };
    const parts = CAMERAS.flatMap((camera, i) => {
      const { depth } = seen(camera, size, intrinsics);
      return [
        [`rgbd/${i}.jpg`, colour],
        [`rgbd/${i}.depth`, lzfse(new Uint8Array(Float32Array.from(depth).buffer))],
      ] as const;
    });
    const archive = zip({ metadata: Buffer.from(JSON.stringify(metadata)), ...Object.fromEntries(parts) });
    await expectPoints({ 'room.r3d': archive }, size, intrinsics, 1e-5);
  });

  it('recordings of ROS, to what a float holds', async () => {
    const size = { width: 40, height: 30 };
    const intrinsics = { fx: 35, fy: 36, cx: 20.5, cy: 14 };
    const messagesOf = ({ image, info, tf }: Messages) => [
      // From a body with OpenGL axes to the optical frame: half a turn about x.
      tf('/tf_static', 0, ['body', 'optical', [0, 0, 0], [1, 0, 0, 0]]),
      ...CAMERAS.flatMap((camera, i) => {
        const [qx, qy, qz, qw, x, y, z] = quaternion(openGl(camera)) as [number, ...number[]] & number[];
        const depth = new Uint8Array(Float32Array.from(seen(camera, size, intrinsics).depth).buffer);
        const k = [intrinsics.fx, 0, intrinsics.cx, 0, intrinsics.fy, intrinsics.cy, 0, 0, 1];
        const time = 1 + i / 8;
        return [
          tf('/tf', time, ['map', 'body', [x!, y!, z!], [qx!, qy!, qz!, qw!]]),
          info('/depth/camera_info', time, 40, 30, k),
          image('/rgb/image', time, 'optical', { ...size, encoding: 'mono8', data: new Uint8Array(1200) }),
          image('/depth/image', time, 'optical', { ...size, encoding: '32FC1', data: depth }),
        ];
      }),
    ];
    const inMcap = { 'metadata.yaml': '', 'walk_0.mcap': mcapBytes(messagesOf(ROS2), { pack: 'zstd' }) };
    await expectPoints(inMcap, size, intrinsics, 1e-5);
    await expectPoints({ 'walk.bag': bag(messagesOf(ROS1), { pack: 'lz4' }) }, size, intrinsics, 1e-5);
  });
});
