import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Frame } from '../../src/frame.js';
import { openRecording } from '../../src/sources/open.js';
import type { Recording } from '../../src/sources/recording.js';
import { readIds } from '../../src/sources/superpixel-files.js';

const SIZE = { width: 320, height: 240 };
const SCANNET = '../shared/data/scannet-sample';
const SEVEN = '../shared/data/7scenes-sample';
const why = 'real recordings may not be distributed: skipped where ../shared/data is absent';

/** The share of pixels of `from`, among those that `to` sees too, that land within 5 cm of its surface. */
function agreement(from: Frame, to: Frame): { overlapping: number; near: number } {
  let overlapping = 0;
  let near = 0;
  const a = from.cameraToWorld;
  const b = to.cameraToWorld;
  for (let v = 0; v < from.height; v++) {
    for (let u = 0; u < from.width; u++) {
      const z = from.depth[v * from.width + u];
      if (z === 0) continue;
      const p = [
        ((u - from.intrinsics.cx) / from.intrinsics.fx) * z,
        ((v - from.intrinsics.cy) / from.intrinsics.fy) * z,
        z,
      ];
      const world = [0, 1, 2].map(
        (r) => a[r * 4] * p[0]! + a[r * 4 + 1] * p[1]! + a[r * 4 + 2] * p[2]! + a[r * 4 + 3],
      );
      const d = world.map((x, r) => x - b[r * 4 + 3]);
      const [x, y, depth] = [0, 1, 2].map((c) => b[c] * d[0]! + b[4 + c] * d[1]! + b[8 + c] * d[2]!) as [
        number,
        number,
        number,
      ];
      if (depth <= 0) continue;
      const column = Math.round((x / depth) * to.intrinsics.fx + to.intrinsics.cx);
      const row = Math.round((y / depth) * to.intrinsics.fy + to.intrinsics.cy);
      if (column < 0 || row < 0 || column >= to.width || row >= to.height) continue;
      const seen = to.depth[row * to.width + column];
      if (seen === 0) continue;
      overlapping++;
      if (Math.abs(seen - depth) < 0.05) near++;
    }
  }
  return { overlapping, near };
}

async function meanAgreement(
  recording: Recording,
  pairs: readonly (readonly [number, number])[],
): Promise<number> {
  let overlapping = 0;
  let near = 0;
  for (const [i, j] of pairs) {
    const from = await recording.read(recording.frames[i]!, SIZE);
    const to = await recording.read(recording.frames[j]!, SIZE);
    const found = agreement(from, to);
    overlapping += found.overlapping;
    near += found.near;
  }
  expect(overlapping).toBeGreaterThan(100_000);
  return near / overlapping;
}

describe.skipIf(!existsSync(SCANNET))(`a real ScanNet scene (${why})`, () => {
  it('has 27 labelled frames with superpixels', async () => {
    const recording = await openRecording(SCANNET);
    expect(recording.format).toBe('viewal');
    expect(recording.bad).toEqual([]);
    expect(recording.frames.length).toBe(27);
    expect(recording.frames.every(({ scene, labelled }) => scene === 'scene0014_00' && labelled)).toBe(true);
    const frame = await recording.read(recording.frames[3]!, SIZE);
    expect([frame.colour.length, frame.depth.length, frame.labels?.length]).toEqual([230400, 76800, 76800]);
    // Half of m_calibrationDepthIntrinsic, as sampled at 2u + 1.
    expect(frame.intrinsics.fx).toBeCloseTo(573.702 / 2, 10);
    expect(frame.intrinsics.cx).toBeCloseTo((324.702 - 1) / 2, 10);
    expect(new Set(await readIds(recording.superpixelFile(recording.frames[3]!)!, SIZE)).size).toBe(42);
    const reach = frame.depth.reduce((greatest, z) => Math.max(greatest, z), 0);
    expect(reach).toBeGreaterThan(0.5);
    expect(reach).toBeLessThan(10);
  });

  it('lies on itself when frames are carried into each other', async () => {
    const recording = await openRecording(SCANNET);
    const pairs = [0, 3, 4, 5, 9].map((i) => [i, i + 1] as const);
    expect(await meanAgreement(recording, pairs)).toBeGreaterThan(0.8);
  });
});

describe.skipIf(!existsSync(SEVEN))(`a real 7-Scenes sequence (${why})`, () => {
  it('has 120 frames without labels', async () => {
    const recording = await openRecording(SEVEN);
    expect(recording.format).toBe('7scenes');
    expect(recording.bad).toEqual([]);
    expect(recording.frames.length).toBe(120);
    expect(recording.frames[119]).toMatchObject({ scene: '7scenes-sample', id: '000238', labelled: false });
    const frame = await recording.read(recording.frames[119]!, SIZE);
    expect(frame.intrinsics).toEqual({ fx: 292.5, fy: 292.5, cx: 159.5, cy: 119.5 });
    expect(frame.labels).toBeUndefined();
    expect(frame.depth.every((z) => z < 20)).toBe(true);
  });

  it('lies on itself when frames are carried into each other', async () => {
    const recording = await openRecording(SEVEN);
    const pairs = [0, 25, 50, 75, 100].map((i) => [i, i + 5] as const);
    expect(await meanAgreement(recording, pairs)).toBeGreaterThan(0.8);
  });
});
