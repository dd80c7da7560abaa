import { defer, from } from 'rxjs';
import { bestFirst } from './best-first.js';
import type { Strategy } from './strategy.js';

/**
 * RAND (paper, §4.2): whole images in random order.
 *
 *     score(frame) = u,  u uniform in [0, 1) from Pool.random('rand')
 *
 * Frames of which a part is labelled take part. Needs no network. Equal numbers, one chance in 2³² a pair, go to the
 * earlier frame.
 */
export const randomImages: Strategy = {
  name: 'rand',
  title: 'Random images',
  unit: 'image',
  dropout: false,
  rank: (pool) =>
    defer(() => {
      const next = pool.random('rand');
      const area = pool.size.width * pool.size.height;
      const candidates = pool.frames
        .filter((frame) => frame.labelledPixels < area)
        .map((frame) => ({
          region: { unit: 'image', scene: frame.scene, frame: frame.id } as const,
          pixels: area - frame.labelledPixels,
          score: next(),
        }));
      return from(candidates.sort(bestFirst));
    }),
};
