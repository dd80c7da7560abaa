import { from, mergeMap, toArray } from 'rxjs';
import type { Surfaces } from '../selection/surfaces.js';
import { bestFirst } from './best-first.js';
import { rankSurfaces } from './rank-surfaces.js';
import type { Candidate, Pool, Strategy } from './strategy.js';

/**
 * ViewAL (paper, §3.3): the superpixel with the highest view entropy brings a surface up (Eq. 8); of its views, the one
 * with the highest view divergence is asked for (Eq. 9); all of them leave the pool for the round.
 *
 *     score(superpixel) = VE of its trigger, nats
 *
 * Ties go to the earlier frame, then to the smaller id.
 */
export const viewal: Strategy = {
  name: 'viewal',
  title: 'ViewAL',
  unit: 'superpixel',
  dropout: true,
  rank: (pool) => rankSurfaces(pool, ({ viewDivergence }) => viewDivergence),
};

/** Ablation (§4.4): as `viewal`, but the superpixel with the highest view entropy is itself asked for. */
export const viewalWithoutDivergence: Strategy = {
  ...viewal,
  name: 've+spx+mcdr',
  title: 'ViewAL without view divergence',
  // Every view of a surface but its trigger loses.
  rank: (pool) => rankSurfaces(pool, ({ viewEntropy }) => viewEntropy),
};

/** Ablation: as `viewalWithoutDivergence`, with dropout off. */
export const viewalWithoutDropout: Strategy = {
  ...viewalWithoutDivergence,
  name: 've+spx',
  title: 'View entropy of superpixels',
  dropout: false,
};

/**
 * Ablation (Fig. 10): whole images by view entropy alone, with dropout off.
 *
 *     score(frame) = mean of VE over its pixels with depth that are not in labelled superpixels, nats
 */
export const viewEntropyOfImages: Strategy = {
  name: 've',
  title: 'View entropy of images',
  unit: 'image',
  dropout: false,
  rank: (pool) =>
    pool.surfaces().pipe(
      mergeMap((scene) => imageCandidates(pool, scene)),
      toArray(),
      mergeMap((candidates) => from(candidates.sort(bestFirst))),
    ),
};

/** Beyond the paper: ViewAL, training on each label in all views of its surface. */
export const viewalCarrying: Strategy = {
  ...viewal,
  name: 'viewal+carry',
  title: 'ViewAL, labels carried to other views',
  carriesLabels: true,
};

function imageCandidates({ frames, size }: Pool, { scene, candidates }: Surfaces): Candidate[] {
  const sums = new Map<string, { entropy: number; pixels: number }>();
  for (const { frame, viewEntropy, scoredPixels } of candidates) {
    const sum = sums.get(frame) ?? { entropy: 0, pixels: 0 };
    sum.entropy += viewEntropy * scoredPixels;
    sum.pixels += scoredPixels;
    sums.set(frame, sum);
  }
  const area = size.width * size.height;
  return frames.flatMap(({ scene: of, id, labelledPixels }) => {
    const sum = of === scene ? sums.get(id) : undefined;
    if (sum === undefined || labelledPixels >= area) return [];
    const region = { unit: 'image', scene, frame: id } as const;
    return [{ region, pixels: area - labelledPixels, score: sum.entropy / sum.pixels }];
  });
}
