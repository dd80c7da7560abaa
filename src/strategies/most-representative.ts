import { from, map, mergeMap, toArray } from 'rxjs';
import { frameName } from '../frame.js';
import { mcDropoutEntropy } from './mc-dropout-entropy.js';
import { poolFeatures } from './pool-features.js';
import type { Candidate, FrameFeatures, Strategy } from './strategy.js';

/**
 * MREP (paper, §4.2; Yang et al., "Suggestive Annotation", MICCAI 2017): of the 2K images with the highest MC-dropout
 * entropy, greedily the K that represent best what is not labelled.
 *
 *     F(S) = Σ over frames j not wholly labelled of max over i in S of cos(f(i), f(j)),  f = Pool.features()
 *
 * K is the number of images that the round may label, rounded up. The next image is the one that raises F most, equal ones
 * by entropy; the rest of the pool follows by entropy, so that the ranking is whole. Images that are labelled already are
 * neither represented nor represent.
 *
 * Scores: nats for the rest, as MCDR; for the K the gain in F, each term counted from −1, the least cosine, plus the
 * highest entropy of the pool, so that they lie above the rest and fall in the order of choice. Ties go to the earlier
 * frame. O(K² n) for n frames, after 2K n cosines.
 */
export const mostRepresentative: Strategy = {
  name: 'mrep',
  title: 'Most representative',
  unit: 'image',
  dropout: true,
  rank: (pool) => {
    const images = Math.max(1, Math.ceil(pool.images));
    const area = pool.size.width * pool.size.height;
    return mcDropoutEntropy.rank(pool).pipe(
      toArray(),
      // One after the other: both take the network.
      mergeMap((uncertain) =>
        poolFeatures(pool).pipe(
          map((frames) => frames.filter(({ frame }) => frame.labelledPixels < area)),
          mergeMap((unlabelled) => from(mostRepresentativeFirst(uncertain, unlabelled, images))),
        ),
      ),
    );
  },
};

/**
 * @param uncertain all images, most uncertain first
 * @param unlabelled features of the same images, in any order
 * @param images how many to choose, from twice as many
 */
function mostRepresentativeFirst(
  uncertain: readonly Candidate[],
  unlabelled: readonly FrameFeatures[],
  images: number,
): Candidate[] {
  const features = new Map(unlabelled.map((of) => [frameName(of.frame), of.features]));
  const shortlist = uncertain.slice(0, 2 * images).map((candidate) => {
    const own = features.get(frameName({ scene: candidate.region.scene, id: candidate.region.frame }))!;
    return { candidate, similarity: Float64Array.from(unlabelled, (other) => cosine(own, other.features)) };
  });
  /** By frame: cosine with the chosen image that is most like it. */
  const nearest = new Float64Array(unlabelled.length).fill(-1);
  const chosen: Candidate[] = [];
  while (chosen.length < images && shortlist.length > 0) {
    let best = 0;
    let bestGain = -1;
    shortlist.forEach(({ similarity }, i) => {
      let gain = 0;
      for (let j = 0; j < nearest.length; j++) gain += Math.max(0, similarity[j] - nearest[j]);
      if (gain > bestGain) {
        best = i;
        bestGain = gain;
      }
    });
    const [{ candidate, similarity }] = shortlist.splice(best, 1);
    for (let j = 0; j < nearest.length; j++) nearest[j] = Math.max(nearest[j], similarity[j]);
    chosen.push({ ...candidate, score: uncertain[0].score + bestGain });
  }
  return [...chosen, ...shortlist.map(({ candidate }) => candidate), ...uncertain.slice(2 * images)];
}

/** Cosine of the angle between two vectors; 0 where either has no length. */
function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  // Held within ±1, which rounding may overstep.
  return aa === 0 || bb === 0 ? 0 : Math.max(-1, Math.min(1, dot / Math.sqrt(aa * bb)));
}
