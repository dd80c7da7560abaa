import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { halfValues } from '../../src/model/probability-map.js';
import { sumIncidences } from '../../src/store/bin.js';
import { CpuPointStore } from '../../src/store/cpu-point-store.js';
import { ENTROPY_SCALE, LOG_SCALE, MIN_P, P_SCALE } from '../../src/store/fixed-point.js';
import { footprintOf } from '../../src/store/footprint.js';
import { randomFrame, type SeenFrame } from '../random-frames.js';

const VOXEL = 0.05;

/** Where a pixel lies, as text; undefined without depth. */
function voxelOf({ frame }: SeenFrame, i: number): string | undefined {
  const m = frame.cameraToWorld;
  const d = frame.depth[i];
  if (d === 0) return undefined;
  const x = ((i % frame.width) - frame.intrinsics.cx) / frame.intrinsics.fx;
  const y = (Math.floor(i / frame.width) - frame.intrinsics.cy) / frame.intrinsics.fy;
  const at = [0, 4, 8].map((r) => m[r] * d * x + m[r + 1] * d * y + m[r + 2] * d + m[r + 3]);
  return at.map((metres) => Math.floor(metres / VOXEL)).join();
}

describe('a footprint', () => {
  test('and sums on it equal incidences gathered pixel by pixel in a map', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 9 }), (seed, count) => {
        const seen = randomFrame(seed, { superpixels: count, classes: 3 });
        const { ids } = seen.superpixels;
        const footprint = footprintOf(seen.frame, seen.superpixels, VOXEL);
        const { rowOfPixel, ...keys } = footprint;
        const { classes, sumP, sumNegLog, sumEntropy, ...same } = sumIncidences(
          footprint,
          seen.probabilities,
        );
        expect(same).toEqual(keys);

        const values = halfValues();
        const expected = new Map<string, { n: number; p: number[]; negLog: number[]; entropy: number }>();
        for (let i = 0; i < ids.length; i++) {
          const voxel = voxelOf(seen, i);
          if (voxel === undefined) {
            expect(rowOfPixel[i]).toBe(-1);
            continue;
          }
          const v = keys.voxel[rowOfPixel[i]];
          expect(keys.voxels.subarray(3 * v, 3 * v + 3).join()).toBe(voxel);
          const r = ids[i];
          expect(rowOfPixel[i]).toBeGreaterThanOrEqual(keys.rowStart[r]);
          expect(rowOfPixel[i]).toBeLessThan(keys.rowStart[r + 1]);
          const name = `${r} ${voxel}`;
          const sums = expected.get(name) ?? { n: 0, p: [0, 0, 0], negLog: [0, 0, 0], entropy: 0 };
          expected.set(name, sums);
          sums.n++;
          for (let c = 0; c < classes; c++) {
            const p = values[seen.probabilities.data[i * classes + c]];
            const negLog = -Math.log(Math.max(p, MIN_P));
            sums.p[c] += Math.round(p * P_SCALE);
            sums.negLog[c] += Math.round(negLog * LOG_SCALE);
            sums.entropy += Math.round(p * negLog * ENTROPY_SCALE);
          }
        }
        // Maps keep the order of first appearance, and the sort by superpixel is stable.
        const rows = [...expected].sort(([a], [b]) => Number(a.split(' ')[0]) - Number(b.split(' ')[0]));
        expect([...keys.pixels]).toEqual(rows.map(([, { n }]) => n));
        expect([...sumP]).toEqual(rows.flatMap(([, { p }]) => p));
        expect([...sumNegLog]).toEqual(rows.flatMap(([, { negLog }]) => negLog));
        expect([...sumEntropy]).toEqual(rows.map(([, { entropy }]) => entropy));
      }),
      { numRuns: 50 },
    );
  });

  test('serves any number of maps, and stays as it is when the next frame is made', () => {
    const [a, b] = [randomFrame(1), randomFrame(2)];
    const footprint = footprintOf(a.frame, a.superpixels, VOXEL);
    const before = structuredClone(footprint);
    const first = sumIncidences(footprint, a.probabilities);
    footprintOf(b.frame, b.superpixels, VOXEL);
    sumIncidences(footprint, b.probabilities);
    expect(footprint).toEqual(before);
    expect(sumIncidences(footprint, a.probabilities)).toEqual(first);
  });

  test('refuses a map of another size', () => {
    const footprint = footprintOf(randomFrame(1).frame, randomFrame(1).superpixels, VOXEL);
    const { probabilities } = randomFrame(1, { width: 8 });
    expect(() => sumIncidences(footprint, probabilities)).toThrow(
      /expected a map of 432 pixels, got one of 144/,
    );
  });
});

test('a store looks up what its snapshot holds, and zero for what nobody saw', async () => {
  const store = new CpuPointStore(5);
  for (const seed of [1, 2, 3]) {
    const seen = randomFrame(seed);
    const footprint = footprintOf(seen.frame, seen.superpixels, VOXEL);
    await store.integrate(sumIncidences(footprint, seen.probabilities), `${seed}`);
  }
  const { voxels, pixels, frames, sumP } = await store.snapshot();
  expect(await store.lookup(voxels)).toEqual({ pixels, frames, sumP });
  expect(await store.lookup(Int32Array.of(999, 999, 999))).toEqual({
    pixels: Uint32Array.of(0),
    frames: Uint32Array.of(0),
    sumP: new Uint32Array(5),
  });
});
