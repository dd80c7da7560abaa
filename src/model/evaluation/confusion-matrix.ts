/**
 * Counts of pixels by true and predicted class, and the measures of segmentation that follow from them: J. Long,
 * E. Shelhamer, T. Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015, §5.
 *
 * A class is *present* where the truth holds a pixel of it. Means over classes are over those present: an absent class
 * is left out even where it was predicted, as those pixels already count against the classes they belong to.
 */
export class ConfusionMatrix {
  /**
   * counts[truth · classes + prediction], pixels: C² numbers, exact up to 2⁵³. A worker's matrix travels as these;
   * `addCounts` takes them in.
   */
  readonly counts: Float64Array;

  /** @param classes C, at least 1 */
  constructor(readonly classes: number) {
    this.counts = new Float64Array(classes * classes);
  }

  /**
   * Adds an image. Pixels whose true label is no class (`IGNORE` among them) do not count.
   *
   * @param truth labels, one a pixel
   * @param predicted likewise, each in 0..C−1, labelled or not
   * @throws RangeError where the lengths differ or a prediction is no class; nothing is added then
   */
  add(truth: Uint8Array, predicted: Uint8Array): void {
    if (truth.length !== predicted.length)
      throw new RangeError(`expected ${truth.length} predicted labels, got ${predicted.length}`);
    const { classes, counts } = this;
    for (let i = 0; i < predicted.length; i++)
      if (predicted[i] >= classes)
        throw new RangeError(
          `expected predictions of 0 to ${classes - 1}, got ${predicted[i]} at pixel ${i}`,
        );
    for (let i = 0; i < truth.length; i++)
      if (truth[i] < classes) counts[truth[i] * classes + predicted[i]]++;
  }

  /**
   * Adds another matrix's counts. Sums of whole numbers: exact, in any order.
   * @param counts C² numbers, laid out as `counts`
   * @throws RangeError where there are not C² of them
   */
  addCounts(counts: Float64Array): void {
    if (counts.length !== this.counts.length)
      throw new RangeError(`expected ${this.counts.length} counts, got ${counts.length}`);
    for (let i = 0; i < counts.length; i++) this.counts[i] += counts[i];
  }

  /** Labelled pixels. */
  pixels(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** Labelled pixels of each true class. */
  truePixels(): number[] {
    return this.perClass(({ truth }) => truth);
  }

  /** Intersection over union of each class, in [0, 1]; NaN for an absent one. */
  intersectionOverUnion(): number[] {
    return this.perClass(({ truth, predicted, both }) =>
      truth === 0 ? Number.NaN : both / (truth + predicted - both),
    );
  }

  /** Share of each class's pixels predicted right (its recall), in [0, 1]; NaN for an absent one. */
  classAccuracy(): number[] {
    return this.perClass(({ truth, both }) => both / truth);
  }

  /** Mean over the classes present of their IoU; NaN without any. */
  meanIntersectionOverUnion(): number {
    return meanOfPresent(this.intersectionOverUnion());
  }

  /** Mean over the classes present of their accuracy; NaN without any. */
  meanClassAccuracy(): number {
    return meanOfPresent(this.classAccuracy());
  }

  /** Mean over the classes present of their IoU, each weighted by its share of the labelled pixels; NaN without any. */
  frequencyWeightedIntersectionOverUnion(): number {
    const truth = this.truePixels();
    const sum = this.intersectionOverUnion().reduce(
      (s, iou, c) => (truth[c] === 0 ? s : s + truth[c] * iou),
      0,
    );
    return sum / this.pixels();
  }

  /** Share of labelled pixels predicted right; NaN if none is labelled. */
  pixelAccuracy(): number {
    const right = this.perClass(({ both }) => both).reduce((sum, both) => sum + both, 0);
    return right / this.pixels();
  }

  /** Something of each class, from its pixels in the truth, in the prediction, and in both. */
  private perClass(
    measure: (pixels: { truth: number; predicted: number; both: number }) => number,
  ): number[] {
    const { classes, counts } = this;
    return Array.from({ length: classes }, (_, c) => {
      let truth = 0;
      let predicted = 0;
      for (let other = 0; other < classes; other++) {
        truth += counts[c * classes + other];
        predicted += counts[other * classes + c];
      }
      return measure({ truth, predicted, both: counts[c * classes + c] });
    });
  }
}

/** NaN stands for an absent class. */
function meanOfPresent(values: readonly number[]): number {
  const present = values.filter((value) => !Number.isNaN(value));
  return present.reduce((sum, value) => sum + value, 0) / present.length;
}
