import { defer, from, mergeMap, toArray } from 'rxjs';
import { bestFirst } from './best-first.js';
import type { Strategy } from './strategy.js';

/**
 * RAND+Spx, a control that the paper has not: superpixels in random order over all scenes. What separates it from RAND is
 * the unit alone; what separates ViewAL from it is what ViewAL looks at.
 *
 *     score(superpixel) = u,  u uniform in [0, 1) from Pool.random('rand+spx')
 *
 * Draws from the same superpixels as ViewAL, those with depth, but may ask for a surface in several views. Equal numbers,
 * one chance in 2³² a pair, go to the earlier frame, then to the smaller id.
 */
export const randomSuperpixels: Strategy = {
  name: 'rand+spx',
  title: 'Random superpixels',
  unit: 'superpixel',
  dropout: false,
  rank: (pool) =>
    defer(() => {
      const next = pool.random('rand+spx');
      return pool.surfaces().pipe(
        mergeMap(({ scene, candidates }) =>
          candidates.map(({ frame, superpixel, pixels }) => ({
            region: { unit: 'superpixel', scene, frame, superpixel } as const,
            pixels,
            score: next(),
          })),
        ),
        toArray(),
        mergeMap((candidates) => from(candidates.sort(bestFirst))),
      );
    }),
};

/** Beyond the paper: the same, training on each label in all views of its surface; a control for `viewal+carry`. */
export const randomSuperpixelsCarrying: Strategy = {
  ...randomSuperpixels,
  name: 'rand+spx+carry',
  title: 'Random superpixels, labels carried to other views',
  carriesLabels: true,
};
