import type { Correction } from '../sources/correction.js';
import { carry } from './agreement.js';
import type { View } from './view.js';

export type Pair = readonly [one: number, other: number];

/** The least share of each view's points that must lie in the other's picture. */
const LEAST_OVERLAP = 0.3;
/** Points of a view that this is judged by. */
const PROBES = 32;

/**
 * Which views are held against each other under a hypothesis: each with that of its scene which is furthest away and
 * still overlaps. The further apart two cameras are, the less does a wrong convention pass for a right one: between
 * views that hardly differ, all conventions agree.
 *
 * @param poses of the views: camera to world, OpenCV axes, as the hypothesis corrects them
 * @returns indices of views, each pair once
 */
export function choosePairs(
  views: readonly View[],
  poses: readonly Float64Array[],
  { depth, depthFactor }: Pick<Correction, 'depth' | 'depthFactor'>,
): Pair[] {
  const overlaps = (i: number, j: number): boolean => {
    const every = Math.max(1, Math.floor(views[i]!.pixels.length / PROBES));
    const how = { depth, depthFactor, tolerance: 0, every };
    const { points, inView } = carry(views[i]!, poses[i]!, views[j]!, poses[j]!, how);
    return inView > 0 && inView >= LEAST_OVERLAP * points;
  };
  const chosen = new Map<string, Pair>();
  for (let i = 0; i < views.length; i++) {
    const others = views.flatMap(({ scene }, j) =>
      j !== i && scene === views[i]!.scene ? [{ j, away: distance(poses[i]!, poses[j]!) }] : [],
    );
    others.sort((a, b) => b.away - a.away);
    const furthest = others.find(({ j }) => overlaps(i, j) && overlaps(j, i));
    if (furthest === undefined) continue;
    const pair = [Math.min(i, furthest.j), Math.max(i, furthest.j)] as const;
    chosen.set(pair.join(), pair);
  }
  return [...chosen.values()];
}

/** Between two cameras, metres. */
export function distance(a: Float64Array, b: Float64Array): number {
  return Math.hypot(a[3] - b[3], a[7] - b[7], a[11] - b[11]);
}
