import { from, map, mergeMap, type Observable, toArray } from 'rxjs';
import { mergePicks } from '../selection/merge.js';
import { type Pick, pickSurfaces } from '../selection/pick.js';
import { PriorityQueue } from '../selection/priority-queue.js';
import type { SurfaceCandidate, Surfaces } from '../selection/surfaces.js';
import type { Candidate, Pool } from './strategy.js';

/** What a superpixel is ranked by, higher first. */
export type SurfaceScore = (candidate: SurfaceCandidate) => number;

/**
 * Ranks superpixels as the paper does (§3.3): the one that is worth most brings its surface up; of the surface's views the
 * one that gains most is asked for; all of them leave the pool. Scenes share no surface: each is picked from lazily, and the
 * sequences are merged by what their triggers are worth, which is the score of a candidate.
 *
 * @param gain which view of a surface is asked for: the highest
 * @param worthOf which surface comes up first, as a function of all scenes: view entropy (Eq. 8) where left out
 * @returns an observable that emits once the last scene has been scored; it holds all scenes' candidates and overlaps
 */
export function rankSurfaces(
  pool: Pool,
  gain: SurfaceScore,
  worthOf: (scenes: readonly Surfaces[]) => SurfaceScore = () => (candidate) => candidate.viewEntropy,
): Observable<Candidate> {
  return pool.surfaces().pipe(
    toArray(),
    mergeMap((scenes) => {
      const worth = worthOf(scenes);
      const sequences = scenes.map((scene) => scenePicks(scene, worth, gain));
      return from(mergePicks(sequences, ({ pick }) => pick.triggerEntropy));
    }),
    map(({ candidate }) => candidate),
  );
}

function* scenePicks(
  { scene, candidates, overlaps }: Surfaces,
  worth: SurfaceScore,
  gain: SurfaceScore,
): Generator<{ pick: Pick; candidate: Candidate }> {
  const queue = new PriorityQueue();
  const gains = new Float64Array(overlaps.superpixels);
  const byNumber = new Map<number, SurfaceCandidate>();
  for (const candidate of candidates) {
    queue.set(candidate.number, worth(candidate));
    gains[candidate.number] = gain(candidate);
    byNumber.set(candidate.number, candidate);
  }
  for (const pick of pickSurfaces(queue, gains, overlaps)) {
    const { frame, superpixel, pixels } = byNumber.get(pick.superpixel)!;
    const region = { unit: 'superpixel', scene, frame, superpixel } as const;
    yield { pick, candidate: { region, pixels, score: pick.triggerEntropy } };
  }
}
