import { describe, expect, test } from 'vitest';
import { IGNORE } from '../../src/frame.js';
import { ConfusionMatrix } from '../../src/model/evaluate.js';

function confusionOf(truth: number[], predicted: number[], classes = 3): ConfusionMatrix {
  const confusion = new ConfusionMatrix(classes);
  confusion.add(Uint8Array.from(truth), Uint8Array.from(predicted));
  return confusion;
}

describe('confusion matrix', () => {
  test('measures by hand', () => {
    const confusion = confusionOf([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 0]);
    // Class 0: 2 right, 3 true, 3 predicted; class 1: 2, 2, 3; class 2: 0, 1, 0.
    expect(confusion.intersectionOverUnion()).toEqual([2 / 4, 2 / 3, 0]);
    expect(confusion.meanIntersectionOverUnion()).toBeCloseTo((1 / 2 + 2 / 3) / 3, 12);
    expect(confusion.pixelAccuracy()).toBeCloseTo(4 / 6, 12);
  });

  test('unlabelled pixels and ids that are no class do not count', () => {
    const confusion = confusionOf([0, IGNORE, 3], [0, 1, 1]);
    expect(confusion.intersectionOverUnion()).toEqual([1, Number.NaN, Number.NaN]);
    expect(confusion.pixelAccuracy()).toBe(1);
  });

  test('a class absent from the truth is left out of the mean, even if predicted', () => {
    const confusion = confusionOf([0, 0, 1], [0, 2, 1]);
    expect(confusion.intersectionOverUnion()).toEqual([1 / 2, 1, Number.NaN]);
    expect(confusion.meanIntersectionOverUnion()).toBe(0.75);
  });

  test('images add up', () => {
    const both = confusionOf([0, 1], [0, 0]);
    both.add(Uint8Array.of(1, 2), Uint8Array.of(1, 2));
    expect(both.intersectionOverUnion()).toEqual(
      confusionOf([0, 1, 1, 2], [0, 0, 1, 2]).intersectionOverUnion(),
    );
  });

  test('without a label there is no measure; images of other sizes are refused', () => {
    expect(confusionOf([IGNORE], [0]).meanIntersectionOverUnion()).toBeNaN();
    expect(confusionOf([IGNORE], [0]).pixelAccuracy()).toBeNaN();
    expect(() => confusionOf([0, 1], [0])).toThrow('expected 2 predicted labels, got 1');
  });
});
