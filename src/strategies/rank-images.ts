import { from, map, mergeMap, type Observable, toArray } from 'rxjs';
import { bestFirst } from './best-first.js';
import type { PixelUncertainty } from './pixel-uncertainty.js';
import type { Candidate, Pool, View } from './strategy.js';

/**
 * Ranks whole images by the mean of a pixel's uncertainty over the pixels that are not labelled, highest first. Labelled
 * pixels do not count, in sum or number, so that an image of which a part is labelled stands where what is left of it
 * would.
 *
 * @returns `Strategy.rank`. Each subscription reads all views once and emits when the last has come; it keeps a number a
 *   frame. Errors pass through.
 */
export function byMean(uncertainty: PixelUncertainty): (pool: Pool) => Observable<Candidate> {
  return (pool) =>
    pool.views().pipe(
      map((view) => image(view, uncertainty)),
      toArray(),
      mergeMap((candidates) => from(candidates.sort(bestFirst))),
    );
}

function image({ frame, map, labelled }: View, uncertainty: PixelUncertainty): Candidate {
  const of = uncertainty(map);
  let sum = 0;
  let pixels = 0;
  for (let pixel = 0; pixel < labelled.length; pixel++) {
    if (labelled[pixel] !== 0) continue;
    sum += of(pixel);
    pixels++;
  }
  return { region: { unit: 'image', scene: frame.scene, frame: frame.id }, pixels, score: sum / pixels };
}
