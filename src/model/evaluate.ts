/** Counts of pixels by true and predicted class, and the measures of segmentation that follow from them. */
export class ConfusionMatrix {
  /** counts[truth · classes + prediction] */
  private readonly counts: Float64Array;

  constructor(readonly classes: number) {
    this.counts = new Float64Array(classes * classes);
  }

  /** Adds an image. Pixels whose true label is no class (`IGNORE` among them) do not count. */
  add(truth: Uint8Array, predicted: Uint8Array): void {
    if (truth.length !== predicted.length) {
      throw new RangeError(`expected ${truth.length} predicted labels, got ${predicted.length}`);
    }
    const { classes, counts } = this;
    for (let i = 0; i < truth.length; i++) {
      const label = truth[i];
      if (label < classes) counts[label * classes + predicted[i]]++;
    }
  }

  /** Pixels of a true class, of a predicted class, and of both. */
  private of(c: number): { truth: number; predicted: number; both: number } {
    const { classes, counts } = this;
    let truth = 0;
    let predicted = 0;
    for (let other = 0; other < classes; other++) {
      truth += counts[c * classes + other];
      predicted += counts[other * classes + c];
    }
    return { truth, predicted, both: counts[c * classes + c] };
  }

  /** Labelled pixels of each true class. */
  truePixels(): number[] {
    return Array.from({ length: this.classes }, (_, c) => this.of(c).truth);
  }

  /** Intersection over union of each class; NaN for a class that the truth does not hold. */
  intersectionOverUnion(): number[] {
    return Array.from({ length: this.classes }, (_, c) => {
      const { truth, predicted, both } = this.of(c);
      return truth === 0 ? Number.NaN : both / (truth + predicted - both);
    });
  }

  /**
   * Mean IoU over the classes that the truth holds; NaN if it holds none. A class without a true pixel is left
   * out even where it was predicted: those pixels already count against the classes they belong to.
   */
  meanIntersectionOverUnion(): number {
    const present = this.intersectionOverUnion().filter((iou) => !Number.isNaN(iou));
    return present.reduce((sum, iou) => sum + iou, 0) / present.length;
  }

  /** Share of labelled pixels predicted right; NaN if none is labelled. */
  pixelAccuracy(): number {
    let right = 0;
    for (let c = 0; c < this.classes; c++) right += this.counts[c * this.classes + c];
    return right / this.counts.reduce((sum, count) => sum + count, 0);
  }
}
