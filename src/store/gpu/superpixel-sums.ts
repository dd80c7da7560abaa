import type { SuperpixelScores } from '../point-store.js';

/** Words of a superpixel in `scores` (superpixel-sums.wgsl). */
export const SCORE_WORDS = 8;
/** Units of summed scores in a nat (superpixel-sums.wgsl). */
const NAT = 2 ** 24;

/**
 * Means of summed scores; NaN for a superpixel without depth.
 * @param sums what the kernels left in `scores`
 * @param superpixelPixels all pixels of each superpixel
 */
export function scoresOf(sums: Uint32Array, superpixelPixels: Uint32Array): SuperpixelScores {
  const R = superpixelPixels.length;
  const scores: SuperpixelScores = {
    pixels: superpixelPixels.slice(),
    scoredPixels: new Uint32Array(R),
    viewEntropy: new Float32Array(R),
    viewDivergence: new Float32Array(R),
    views: new Float32Array(R),
  };
  const sum = (word: number) => (sums[word + 1] | 0) * 2 ** 32 + sums[word];
  for (let r = 0, at = 0; r < R; r++, at += SCORE_WORDS) {
    const scored = sums[at];
    scores.scoredPixels[r] = scored;
    scores.viewEntropy[r] = sum(at + 2) / NAT / scored;
    scores.viewDivergence[r] = sum(at + 4) / NAT / scored;
    scores.views[r] = sum(at + 6) / scored;
  }
  return scores;
}
