import { random, seedOf, shuffle } from '../../random.js';
import type { LabelledImage } from './crop.js';

/** Labelled images, by index. `load` may read from disk; its callers keep nothing of what it returns. */
export interface ImageSet {
  readonly count: number;
  load(index: number): LabelledImage | Promise<LabelledImage>;
}

/**
 * An image as it comes up in training. Its number counts the samples of the whole run, from 0; crop, augmentation
 * and dropout are drawn from it, so that a step depends on nothing but the state before it.
 */
export interface Sample {
  readonly number: number;
  readonly image: LabelledImage;
}

/** Which image each sample is: sample s is number s mod count of epoch ⌊s / count⌋'s random order. */
export class SampleOrder {
  private epoch = -1;
  private order: number[] = [];

  constructor(
    private readonly seed: number,
    private readonly count: number,
  ) {}

  image(sample: number): number {
    const epoch = Math.floor(sample / this.count);
    if (epoch !== this.epoch) {
      this.epoch = epoch;
      this.order = shuffle([...Array(this.count).keys()], random(seedOf(this.seed, 'order', epoch)));
    }
    return this.order[sample % this.count];
  }
}
