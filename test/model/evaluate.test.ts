import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IGNORE } from '../../src/frame.js';
import { Calibration } from '../../src/model/evaluation/calibration.js';
import { ConfusionMatrix } from '../../src/model/evaluation/confusion-matrix.js';
import { evaluate } from '../../src/model/evaluation/evaluate.js';
import { mostProbable, toHalves } from '../../src/model/probability-map.js';

function confusionOf(truth: number[], predicted: number[], classes = 3): ConfusionMatrix {
  const confusion = new ConfusionMatrix(classes);
  confusion.add(Uint8Array.from(truth), Uint8Array.from(predicted));
  return confusion;
}

describe('confusion matrix', () => {
  test('measures by hand', () => {
    const confusion = confusionOf([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 0]);
    // Class 0: 2 right, 3 true, 3 predicted; class 1: 2, 2, 3; class 2: 0, 1, 0.
    expect([...confusion.counts]).toEqual([2, 1, 0, 0, 2, 0, 1, 0, 0]);
    expect(confusion.pixels()).toBe(6);
    expect(confusion.truePixels()).toEqual([3, 2, 1]);
    expect(confusion.intersectionOverUnion()).toEqual([2 / 4, 2 / 3, 0]);
    expect(confusion.classAccuracy()).toEqual([2 / 3, 1, 0]);
    expect(confusion.meanIntersectionOverUnion()).toBeCloseTo((1 / 2 + 2 / 3) / 3, 12);
    expect(confusion.meanClassAccuracy()).toBeCloseTo((2 / 3 + 1) / 3, 12);
    expect(confusion.pixelAccuracy()).toBeCloseTo(4 / 6, 12);
    expect(confusion.frequencyWeightedIntersectionOverUnion()).toBeCloseTo(
      (3 * (1 / 2) + 2 * (2 / 3)) / 6,
      12,
    );
  });

  test('unlabelled pixels and ids that are no class do not count', () => {
    const confusion = confusionOf([0, IGNORE, 3], [0, 1, 1]);
    expect(confusion.intersectionOverUnion()).toEqual([1, Number.NaN, Number.NaN]);
    expect(confusion.pixelAccuracy()).toBe(1);
  });

  test('a class absent from the truth is left out of every mean, even if predicted', () => {
    const confusion = confusionOf([0, 0, 1], [0, 2, 1]);
    expect(confusion.intersectionOverUnion()).toEqual([1 / 2, 1, Number.NaN]);
    expect(confusion.classAccuracy()).toEqual([1 / 2, 1, Number.NaN]);
    expect(confusion.meanIntersectionOverUnion()).toBe(0.75);
    expect(confusion.meanClassAccuracy()).toBe(0.75);
    expect(confusion.frequencyWeightedIntersectionOverUnion()).toBeCloseTo(2 / 3, 12);
  });

  test('without a label there is no measure', () => {
    const empty = confusionOf([IGNORE], [0]);
    expect(empty.meanIntersectionOverUnion()).toBeNaN();
    expect(empty.meanClassAccuracy()).toBeNaN();
    expect(empty.frequencyWeightedIntersectionOverUnion()).toBeNaN();
    expect(empty.pixelAccuracy()).toBeNaN();
  });

  test('refuses images of other sizes and predictions that are no class, and adds nothing of them', () => {
    const confusion = confusionOf([0], [0]);
    const add = (truth: number[], predicted: number[]) => () =>
      confusion.add(Uint8Array.from(truth), Uint8Array.from(predicted));
    expect(add([0, 1], [0])).toThrow('expected 2 predicted labels, got 1');
    expect(add([0, 1, 2], [0, 1, 3])).toThrow('expected predictions of 0 to 2, got 3 at pixel 2');
    // Class 0 taken for class 3 of 3 would fall on the place of (1, 0).
    expect(add([0], [3])).toThrow(RangeError);
    expect(add([IGNORE], [IGNORE])).toThrow(RangeError);
    expect([...confusion.counts]).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(() => confusion.addCounts(new Float64Array(4))).toThrow('expected 9 counts, got 4');
  });

  const labelled = fc.integer({ min: 1, max: 5 }).chain((classes) =>
    fc.record({
      classes: fc.constant(classes),
      pixels: fc.array(
        fc.tuple(
          fc.oneof(fc.integer({ min: 0, max: classes - 1 }), fc.constantFrom(classes, IGNORE)),
          fc.integer({ min: 0, max: classes - 1 }),
        ),
        { maxLength: 60 },
      ),
    }),
  );

  test('equals the measures by their definition, over sets of pixels', () => {
    fc.assert(
      fc.property(labelled, ({ classes, pixels }) => {
        const confusion = confusionOf(
          pixels.map(([truth]) => truth),
          pixels.map(([, predicted]) => predicted),
          classes,
        );
        const counted = pixels.filter(([truth]) => truth < classes);
        fc.pre(counted.length > 0);
        const present = [...new Set(counted.map(([truth]) => truth))];
        const size = (of: (pixel: [number, number]) => boolean) => counted.filter(of).length;
        const iou = (c: number) =>
          size(([t, p]) => t === c && p === c) / size(([t, p]) => t === c || p === c);
        const accuracy = (c: number) => size(([t, p]) => t === c && p === c) / size(([t]) => t === c);
        const mean = (of: (c: number) => number) => present.reduce((s, c) => s + of(c), 0) / present.length;
        const weighted = present.reduce((s, c) => s + (size(([t]) => t === c) / counted.length) * iou(c), 0);

        expect(confusion.meanIntersectionOverUnion()).toBeCloseTo(mean(iou), 12);
        expect(confusion.meanClassAccuracy()).toBeCloseTo(mean(accuracy), 12);
        expect(confusion.pixelAccuracy()).toBeCloseTo(size(([t, p]) => t === p) / counted.length, 12);
        expect(confusion.frequencyWeightedIntersectionOverUnion()).toBeCloseTo(weighted, 12);
      }),
    );
  });

  test('parts merge to the whole, exactly and in any order', () => {
    fc.assert(
      fc.property(labelled, fc.nat(60), ({ classes, pixels }, cut) => {
        const of = (part: [number, number][]) =>
          confusionOf(
            part.map(([truth]) => truth),
            part.map(([, predicted]) => predicted),
            classes,
          );
        const merged = new ConfusionMatrix(classes);
        merged.addCounts(of(pixels.slice(cut)).counts);
        merged.addCounts(of(pixels.slice(0, cut)).counts);
        expect(merged.counts).toEqual(of(pixels).counts);
      }),
    );
  });
});

describe('evaluation of a map', () => {
  const size = { width: 2, height: 2, classes: 3 };
  // The second pixel is a tie: the first of equals is its prediction.
  const data = toHalves(Float32Array.of(0.5, 0.25, 0.25, 0.125, 0.4375, 0.4375, 1, 0, 0, 0, 0.25, 0.75));

  test('counts what adding the most probable classes would', () => {
    const truth = Uint8Array.of(0, 2, IGNORE, 2);
    const confusion = new ConfusionMatrix(3);
    const calibration = new Calibration();
    evaluate(truth, { ...size, data }, confusion, calibration);
    const expected = new ConfusionMatrix(3);
    expected.add(truth, mostProbable({ ...size, data }));
    expect(confusion.counts).toEqual(expected.counts);
    expect(confusion.pixels()).toBe(3);
    expect(calibration.pixels()).toBe(3);
  });

  test('refuses a map of another size or of other classes, and adds nothing', () => {
    const confusion = new ConfusionMatrix(3);
    const calibration = new Calibration();
    const attempt = (truth: Uint8Array, classes: number) => () =>
      evaluate(truth, { ...size, classes, data }, confusion, calibration);
    expect(attempt(new Uint8Array(5), 3)).toThrow('expected a map of 5 pixels, got 4');
    expect(attempt(new Uint8Array(4), 2)).toThrow('expected a map of 3 classes, got 2');
    expect(confusion.pixels()).toBe(0);
    expect(calibration.pixels()).toBe(0);
  });
});
