import type { Gpu } from '../../gpu/device.js';
import { type ProbabilityMap, toHalves } from '../../model/probability-map.js';
import { random } from '../../random.js';
import type { Superpixels } from '../../superpixels/superpixels.js';
import { sumIncidences } from '../bin.js';
import { CpuPointStore } from '../cpu-point-store.js';
import { footprintOf } from '../footprint.js';
import { GpuPointStore } from '../gpu-point-store.js';
import type { Points } from '../point-store.js';
import { GpuBinner, type PosedDepth } from './binner.js';

const SIZE = { width: 80, height: 60 };
const CLASSES = 13;
const VIEWS = 3;
const VOXEL = 0.02;
/** Largest difference of scores that passes. */
const TOLERANCE = 1e-5;

export interface SelfTest {
  /** Voxels whose sums were found to be the same. */
  readonly voxels: number;
  /** Largest difference of a superpixel's score, relative above 1. */
  readonly scoreDifference: number;
}

/**
 * Bins, integrates and scores three made-up views of a wavy surface on the GPU and on the CPU, by the code that runs
 * use, and compares.
 *
 * @throws Error, one sentence, where they differ
 */
export async function selfTest(gpu: Gpu): Promise<SelfTest> {
  const onCpu = new CpuPointStore(CLASSES);
  const onGpu = await GpuPointStore.create(gpu, CLASSES, { initialPoints: 256 });
  const binner = await GpuBinner.create(gpu, SIZE, CLASSES);
  let scoreDifference = 0;
  try {
    for (let view = 0; view < VIEWS; view++) {
      const { frame, superpixels, probabilities } = madeUp(view);
      const rows = sumIncidences(footprintOf(frame, superpixels, VOXEL), probabilities);
      await onCpu.integrate(rows, frame.id);
      const expected = await onCpu.score(rows);
      const resident = await binner.bin(frame, superpixels, probabilities, VOXEL);
      const found = await onGpu.observe(resident, frame.id);
      binner.release(resident);
      for (const score of ['viewEntropy', 'viewDivergence', 'views'] as const)
        expected[score].forEach((value, r) => {
          const difference = Math.abs(found[score][r] - value) / Math.max(1, Math.abs(value));
          // The negation takes NaN for a difference too; every superpixel here has depth.
          if (!(difference <= scoreDifference)) scoreDifference = difference;
        });
    }
    if (!(scoreDifference <= TOLERANCE))
      throw new Error(`its scores differ from the CPU's by ${scoreDifference.toPrecision(2)}`);
    const points = await onCpu.snapshot();
    if (!sameSums(await onGpu.snapshot(), points)) throw new Error("its sums differ from the CPU's");
    return { voxels: points.pixels.length, scoreDifference };
  } finally {
    onGpu.destroy();
    binner.destroy();
  }
}

function sameSums(a: Points, b: Points): boolean {
  return (['voxels', 'pixels', 'frames', 'sumP', 'sumNegLog'] as const).every(
    (column) =>
      a[column].length === b[column].length && a[column].every((value, i) => value === b[column][i]),
  );
}

function madeUp(view: number): {
  frame: PosedDepth;
  superpixels: Superpixels;
  probabilities: ProbabilityMap;
} {
  const { width, height } = SIZE;
  const next = random(view);
  const depth = new Float32Array(width * height);
  const ids = new Uint16Array(width * height);
  const values = new Float32Array(width * height * CLASSES);
  for (let i = 0; i < depth.length; i++) {
    const [u, v] = [i % width, Math.floor(i / width)];
    depth[i] = next() < 0.1 ? 0 : 1.5 + 0.2 * Math.sin(u / 9) * Math.cos(v / 7);
    ids[i] = 4 * Math.floor(v / 15) + Math.floor(u / 20);
    let sum = 0;
    for (let c = 0; c < CLASSES; c++) {
      values[i * CLASSES + c] = next() ** 6 + 1e-6;
      sum += values[i * CLASSES + c];
    }
    for (let c = 0; c < CLASSES; c++) values[i * CLASSES + c] /= sum;
  }
  const [cos, sin] = [Math.cos(0.05 * view), Math.sin(0.05 * view)];
  return {
    frame: {
      ...SIZE,
      scene: 'self-test',
      id: `${view}`,
      depth,
      intrinsics: { fx: 70, fy: 70, cx: 39.5, cy: 29.5 },
      cameraToWorld: Float64Array.of(cos, 0, sin, 0.1 * view, 0, 1, 0, 0, -sin, 0, cos, 0, 0, 0, 0, 1),
    },
    superpixels: { ...SIZE, count: 16, ids },
    probabilities: { ...SIZE, classes: CLASSES, data: toHalves(values) },
  };
}
