import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergePicks } from '../../src/selection/merge.js';
import { OverlapIndex } from '../../src/selection/overlap-index.js';
import { pickSurfaces } from '../../src/selection/pick.js';
import { PriorityQueue } from '../../src/selection/priority-queue.js';

/** Superpixels of a frame, each as pixels by voxel. */
type FrameSpec = readonly Record<number, number>[];

function indexOf(frames: readonly FrameSpec[]): OverlapIndex {
  const index = new OverlapIndex();
  for (const spec of frames) {
    const voxels = [...new Set(spec.flatMap((superpixel) => Object.keys(superpixel).map(Number)))];
    const rows = spec.flatMap((superpixel, r) =>
      Object.entries(superpixel).map(([voxel, pixels]) => ({
        r,
        voxel: voxels.indexOf(Number(voxel)),
        pixels,
      })),
    );
    const rowStart = new Uint32Array(spec.length + 1);
    for (const { r } of rows) rowStart[r + 1]++;
    for (let r = 0; r < spec.length; r++) rowStart[r + 1] += rowStart[r];
    index.add(
      {
        superpixels: spec.length,
        rowStart,
        voxel: Uint32Array.from(rows, (row) => row.voxel),
        pixels: Uint32Array.from(rows, (row) => row.pixels),
      },
      Uint32Array.from(voxels),
    );
  }
  return index;
}

function queueOf(entropy: readonly number[]): PriorityQueue {
  const queue = new PriorityQueue();
  entropy.forEach((value, item) => {
    queue.set(item, value);
  });
  return queue;
}

describe('overlap', () => {
  test('counts from half of either superpixel on, by pixels', () => {
    const index = indexOf([
      [{ 0: 5, 1: 5 }, { 7: 1 }],
      [{ 1: 5, 2: 5 }], // half of the first superpixel, half of its own
      [{ 1: 4, 2: 5 }], // less than half of itself, but half of the first's pixels lie in voxel 1
      [{ 0: 1, 3: 9 }], // a tenth of itself, half of the first's
      [{ 1: 100, 4: 1 }], // nearly all of itself
      [{ 5: 3 }],
    ]);
    expect(index.overlapping(0)).toEqual([2, 3, 4, 5]);
    expect(index.overlapping(6)).toEqual([]);
    expect(index.overlapping(1)).toEqual([]);
  });

  test('just under half either way is none', () => {
    const index = indexOf([[{ 0: 49, 1: 51 }], [{ 0: 49, 2: 51 }]]);
    expect(index.overlapping(0)).toEqual([]);
  });

  test('superpixels of one frame never overlap', () => {
    expect(indexOf([[{ 0: 1 }, { 0: 1 }]]).overlapping(0)).toEqual([]);
  });

  test('equals counting pixel by pixel', () => {
    const superpixel = fc.dictionary(fc.nat(12).map(String), fc.integer({ min: 1, max: 70_000 }), {
      minKeys: 1,
      maxKeys: 6,
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(superpixel, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 }),
        (frames) => {
          const index = indexOf(frames as unknown as FrameSpec[]);
          const all = frames.flatMap((spec, frame) => spec.map((voxels) => ({ frame, voxels })));
          const share = (a: Record<string, number>, b: Record<string, number>) => {
            const total = Object.values(a).reduce((x, y) => x + y, 0);
            return Object.entries(a).reduce((sum, [voxel, n]) => sum + (voxel in b ? n : 0), 0) / total;
          };
          all.forEach((one, i) => {
            const expected = all.flatMap((other, j) =>
              other.frame !== one.frame &&
              (share(one.voxels, other.voxels) >= 0.5 || share(other.voxels, one.voxels) >= 0.5)
                ? [j]
                : [],
            );
            expect(index.overlapping(i)).toEqual(expected);
          });
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('picking', () => {
  test('by hand: highest entropy triggers, highest divergence of its surface is picked, the set goes', () => {
    // Surfaces: {0, 1, 2} in three views; {3} alone.
    const index = indexOf([[{ 0: 10 }, { 9: 10 }], [{ 0: 10 }], [{ 0: 10 }]]);
    // Numbers: frame 0 has 0 and 1, frame 1 has 2, frame 2 has 3.
    const picks = [...pickSurfaces(queueOf([0.9, 1.5, 2.0, 0.1]), [0.3, 0.7, 0.2, 0.6], index)];
    expect(picks).toEqual([
      { superpixel: 3, trigger: 2, triggerEntropy: 2.0, overlapSet: 3 },
      { superpixel: 1, trigger: 1, triggerEntropy: 1.5, overlapSet: 1 },
    ]);
  });

  test('what overlaps the pick but not the trigger goes too', () => {
    // The trigger 0 overlaps 1, which is picked; 2 overlaps 1 but not 0.
    const index = indexOf([[{ 0: 10 }], [{ 0: 5, 1: 5 }], [{ 1: 10 }]]);
    expect([...pickSurfaces(queueOf([3, 1, 2]), [0, 1, 0], index)]).toEqual([
      { superpixel: 1, trigger: 0, triggerEntropy: 3, overlapSet: 3 },
    ]);
  });

  test('ties go to the smaller number', () => {
    const index = indexOf([[{ 0: 1 }], [{ 0: 1 }], [{ 0: 1 }]]);
    expect([...pickSurfaces(queueOf([1, 1, 1]), [5, 5, 5], index)]).toEqual([
      { superpixel: 0, trigger: 0, triggerEntropy: 1, overlapSet: 3 },
    ]);
  });

  test('never takes what is no candidate', () => {
    const index = indexOf([[{ 0: 1 }], [{ 0: 1 }]]);
    const queue = new PriorityQueue();
    queue.set(1, 1);
    expect([...pickSurfaces(queue, [9, 1], index)].map((pick) => [pick.superpixel, pick.overlapSet])).toEqual(
      [[1, 1]],
    );
  });

  test('covers every candidate once, in descending trigger entropy', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(5), fc.float({ noNaN: true })), { minLength: 1, maxLength: 30 }),
        (spec) => {
          const index = indexOf(spec.map(([voxel]) => [{ [voxel]: 1 }]));
          const picks = [
            ...pickSurfaces(queueOf(spec.map(([, entropy]) => entropy)), new Float64Array(30), index),
          ];
          expect(picks.reduce((sum, pick) => sum + pick.overlapSet, 0)).toBe(spec.length);
          expect(new Set(picks.map((pick) => spec[pick.superpixel][0])).size).toBe(picks.length);
          for (let i = 1; i < picks.length; i++)
            expect(picks[i].triggerEntropy).toBeLessThanOrEqual(picks[i - 1].triggerEntropy);
        },
      ),
    );
  });
});

describe('merging scenes', () => {
  test('is the sorted union, earlier sequences first among equals', () => {
    const descending = fc.array(fc.integer({ min: 0, max: 6 })).map((keys) => keys.sort((a, b) => b - a));
    fc.assert(
      fc.property(fc.array(descending, { maxLength: 5 }), (sequences) => {
        const tagged = sequences.map((keys, scene) => keys.map((key, i) => ({ key, scene, i })));
        const expected = tagged.flat().sort((a, b) => b.key - a.key || a.scene - b.scene || a.i - b.i);
        expect([...mergePicks(tagged, (pick) => pick.key)]).toEqual(expected);
      }),
    );
  });
});
