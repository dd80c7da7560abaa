import fc from 'fast-check';
import { expect, test } from 'vitest';
import { halfValues, toHalves } from '../../src/model/probability-map.js';
import { sumIncidences } from '../../src/store/bin.js';
import { consensusOf } from '../../src/store/consensus.js';
import { CpuPointStore } from '../../src/store/cpu-point-store.js';
import { footprintOf } from '../../src/store/footprint.js';
import { randomFrame, type SeenFrame } from '../random-frames.js';

const VOXEL = 0.05;
const footprint = (seen: SeenFrame) => footprintOf(seen.frame, seen.superpixels, VOXEL);

async function storeOf(frames: readonly SeenFrame[]): Promise<CpuPointStore> {
  const store = new CpuPointStore(frames[0].probabilities.classes);
  for (const seen of frames)
    await store.integrate(sumIncidences(footprint(seen), seen.probabilities), seen.frame.id);
  return store;
}

/** Three pixels 1 m apart and a fourth without depth, moved sideways by so many metres. */
function row(id: string, shift: number, probabilities: readonly number[]): SeenFrame {
  return {
    frame: {
      scene: 's',
      id,
      timestamp: 0,
      width: 4,
      height: 1,
      colour: new Uint8Array(12),
      depth: Float32Array.of(1, 1, 1, 0),
      intrinsics: { fx: 1, fy: 1, cx: 0, cy: 0 },
      cameraToWorld: Float64Array.of(1, 0, 0, shift + 0.01, 0, 1, 0, 0.01, 0, 0, 1, 0, 0, 0, 0, 1),
    },
    superpixels: { width: 4, height: 1, count: 1, ids: new Uint16Array(4) },
    probabilities: { width: 4, height: 1, classes: 2, data: toHalves(Float32Array.from(probabilities)) },
  };
}

test('two views by hand: one pixel seen once, one by both that agree on the mean, one tied', async () => {
  const a = row('a', 0, [0.75, 0.25, 0.75, 0.25, 0.25, 0.75, 1, 0]);
  const b = row('b', 1, [0, 1, 0.75, 0.25, 0.5, 0.5, 1, 0]);
  const { views, label, confidence } = await consensusOf(await storeOf([a, b]), footprint(a));
  expect([...views]).toEqual([1, 2, 2, 0]);
  expect([...label]).toEqual([0, 1, 0, 0]); // the third: (1/4 + 3/4, 3/4 + 1/4) / 2
  expect([...confidence]).toEqual([0.75, 0.625, 0.5, 0]);
});

test('equals means taken pixel by pixel', async () => {
  const values = halfValues();
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 4 }), async (seed, n) => {
      const frames = Array.from({ length: n }, (_, i) =>
        randomFrame(`${seed} ${i}`, { width: 12, height: 9, classes: 3 }),
      );
      const sums = new Map<string, { frames: Set<number>; n: number; p: number[] }>();
      const keyOf = (seen: SeenFrame, i: number) => {
        const { rowOfPixel, voxel, voxels } = footprint(seen);
        const v = rowOfPixel[i] < 0 ? -1 : voxel[rowOfPixel[i]];
        return v < 0 ? undefined : voxels.subarray(3 * v, 3 * v + 3).join();
      };
      frames.forEach((seen, f) => {
        for (let i = 0; i < 108; i++) {
          const key = keyOf(seen, i);
          if (key === undefined) continue;
          const sum = sums.get(key) ?? { frames: new Set(), n: 0, p: [0, 0, 0] };
          sums.set(key, sum);
          sum.frames.add(f);
          sum.n++;
          for (let c = 0; c < 3; c++) sum.p[c] += values[seen.probabilities.data[3 * i + c]];
        }
      });
      const { views, label, confidence } = await consensusOf(await storeOf(frames), footprint(frames[0]));
      for (let i = 0; i < 108; i++) {
        const sum = sums.get(keyOf(frames[0], i) ?? '');
        expect(views[i]).toBe(sum?.frames.size ?? 0);
        const q = sum?.p.map((p) => p / sum.n) ?? [0, 0, 0];
        expect(Math.abs(confidence[i] - Math.max(...q))).toBeLessThan(1e-4);
        expect(Math.max(...q) - q[label[i]]).toBeLessThan(1e-4);
      }
    }),
    { numRuns: 15 },
  );
});

test('a voxel that the store never saw counts as no depth', async () => {
  const a = row('a', 0, [0.75, 0.25, 0.75, 0.25, 0.25, 0.75, 1, 0]);
  const { views, confidence } = await consensusOf(await storeOf([a]), footprint(row('b', 2, [])));
  expect([...views]).toEqual([1, 0, 0, 0]);
  expect(confidence[1]).toBe(0);
});
