import { type Random, random, seedOf, shuffle } from '../../random.js';
import type { LabelledImage } from './crop.js';

/** Labelled images, by index. `load` may read from disk; its callers keep nothing of what it returns. */
export interface ImageSet {
  readonly count: number;
  /** How often each image is drawn, relative to the others, above 0; all alike if not given. */
  readonly weights?: ArrayLike<number>;
  load(index: number): LabelledImage | Promise<LabelledImage>;
}

/**
 * An image as it comes up in training. Its number counts the samples of the whole run, from 0; crop, augmentation
 * and dropout are drawn from it, so that a step depends on nothing but the state before it.
 */
export interface Sample {
  readonly number: number;
  /** Of the image, in its set. */
  readonly index: number;
  readonly image: LabelledImage;
}

/**
 * Which image each sample is: sample s is number s mod count of epoch ⌊s / count⌋'s random order. Without weights an
 * epoch has every image once; with them, as often as its share of the weights asks for, rounded up or down at random.
 */
export class SampleOrder {
  private epoch = -1;
  private order: number[] = [];

  constructor(
    private readonly seed: number,
    private readonly count: number,
    private readonly weights?: ArrayLike<number>,
  ) {}

  image(sample: number): number {
    const epoch = Math.floor(sample / this.count);
    if (epoch !== this.epoch) {
      this.epoch = epoch;
      const images = this.weights
        ? drawnInProportion(this.weights, random(seedOf(this.seed, 'images', epoch)))
        : [...Array(this.count).keys()];
      this.order = shuffle(images, random(seedOf(this.seed, 'order', epoch)));
    }
    return this.order[sample % this.count];
  }
}

/** As many indices as there are weights, each ⌊e⌋ or ⌈e⌉ times where e is what its weight entitles it to (systematic sampling). */
function drawnInProportion(weights: ArrayLike<number>, next: Random): number[] {
  const count = weights.length;
  let total = 0;
  for (let i = 0; i < count; i++) total += weights[i];
  const start = next();
  const drawn: number[] = [];
  let below = 0;
  for (let i = 0; i < count; i++) {
    below += (weights[i] / total) * count;
    while (drawn.length < count && start + drawn.length < below) drawn.push(i);
  }
  // The sum of shares may fall short of the count by a rounding error.
  while (drawn.length < count) drawn.push(count - 1);
  return drawn;
}
