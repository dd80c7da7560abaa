import { random } from '../src/random.js';
import { OverlapIndex } from '../src/selection/overlap-index.js';
import { pickSurfaces } from '../src/selection/pick.js';
import { PriorityQueue } from '../src/selection/priority-queue.js';
import type { Figure } from './figure.js';

const FRAMES = 2500;
const SUPERPIXELS = 40;
/** As many incidences a frame as in a close-range scene at 2 cm. */
const ROWS = 200;

/**
 * Selecting every surface among 100 000 superpixels of one scene, each seen by some 25 frames: the whole scene, far
 * past any budget. Times the heap, the overlap look-ups and the join that they need.
 */
export async function benchSelection(): Promise<Figure[]> {
  const next = random(1);
  const index = new OverlapIndex();
  for (let frame = 0; frame < FRAMES; frame++) {
    // A superpixel covers 200 consecutive voxels of a long surface, starting anywhere.
    const starts = Array.from({ length: SUPERPIXELS }, () =>
      Math.floor((next() * FRAMES * SUPERPIXELS * ROWS) / 25),
    );
    const ids = Uint32Array.from(
      { length: SUPERPIXELS * ROWS },
      (_, i) => starts[Math.trunc(i / ROWS)] + (i % ROWS),
    );
    index.add(
      {
        superpixels: SUPERPIXELS,
        rowStart: Uint32Array.from({ length: SUPERPIXELS + 1 }, (_, r) => r * ROWS),
        voxel: Uint32Array.from({ length: SUPERPIXELS * ROWS }, (_, i) => i),
        pixels: new Uint32Array(SUPERPIXELS * ROWS).fill(8),
      },
      ids,
    );
  }
  const count = index.superpixels;
  const entropy = Float64Array.from({ length: count }, next);
  const divergence = Float64Array.from({ length: count }, next);

  const start = performance.now();
  const queue = new PriorityQueue();
  for (let i = 0; i < count; i++) queue.set(i, entropy[i]);
  let picks = 0;
  let all = 0;
  const budget = 0.02 * count;
  let atBudget = 0;
  for (const pick of pickSurfaces(queue, divergence, index)) {
    picks++;
    all += pick.overlapSet;
    if (picks === budget) atBudget = performance.now() - start;
  }
  return [
    { name: `selecting 2 % of ${count} superpixels`, value: atBudget / 1000, unit: 's', target: '< 2' },
    {
      name: `selecting until none is left (${picks} picks)`,
      value: (performance.now() - start) / 1000,
      unit: 's',
    },
    { name: 'mean overlap set', value: all / picks, unit: 'superpixels' },
  ];
}
