import { from, mergeMap } from 'rxjs';
import { poolFeatures } from './pool-features.js';
import type { Candidate, FrameFeatures, Strategy } from './strategy.js';

/**
 * CSET (paper, §4.2; Sener and Savarese, ICLR 2018, k-centre greedy): images that lie farthest from all centres, each
 * becoming a centre itself when it is chosen.
 *
 *     score(frame) = min over centres s of ‖f(frame) − f(s)‖,  f = Pool.features()
 *
 * Frames with any pixel labelled are the centres to start from, and not candidates. Where there are none the first frame
 * of the pool is chosen first, at an infinite distance. Scores fall in the order of choice; equal distances go to the
 * earlier frame. The k-th choice costs O(n) for n frames.
 */
export const coreSet: Strategy = {
  name: 'cset',
  title: 'Core-set',
  unit: 'image',
  dropout: false,
  rank: (pool) =>
    poolFeatures(pool).pipe(
      mergeMap((frames) => from(farthestFirst(frames, pool.size.width * pool.size.height))),
    ),
};

/** @param area pixels of a frame */
function* farthestFirst(frames: readonly FrameFeatures[], area: number): Generator<Candidate> {
  /** Squared distance to the nearest centre; −1 for centres, which are thus never farthest. */
  const distance = new Float64Array(frames.length).fill(Number.POSITIVE_INFINITY);

  const addCentre = (centre: number) => {
    distance[centre] = -1;
    for (let i = 0; i < frames.length; i++)
      if (distance[i] > 0)
        distance[i] = Math.min(distance[i], squaredDistance(frames[i].features, frames[centre].features));
  };

  frames.forEach(({ frame }, i) => {
    if (frame.labelledPixels > 0) addCentre(i);
  });
  for (;;) {
    let farthest = -1;
    for (let i = 0; i < frames.length; i++)
      if (distance[i] >= 0 && (farthest < 0 || distance[i] > distance[farthest])) farthest = i;
    if (farthest < 0) return;
    const { scene, id } = frames[farthest].frame;
    yield {
      region: { unit: 'image', scene, frame: id },
      pixels: area,
      score: Math.sqrt(distance[farthest]),
    };
    addCentre(farthest);
  }
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum;
}
