import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Calibration } from '../../src/model/evaluation/calibration.js';
import { ConfusionMatrix } from '../../src/model/evaluation/confusion-matrix.js';
import { evaluate } from '../../src/model/evaluation/evaluate.js';
import { halfValues, toHalves } from '../../src/model/probability-map.js';

/** Calibration of pixels, each a distribution and its true class. */
function calibrationOf(
  pixels: readonly { p: readonly number[]; truth: number }[],
  classes: number,
): Calibration {
  const calibration = new Calibration();
  const data = toHalves(Float32Array.from(pixels.flatMap(({ p }) => p)));
  const truth = Uint8Array.from(pixels, (pixel) => pixel.truth);
  const map = { width: pixels.length, height: 1, classes, data };
  evaluate(truth, map, new ConfusionMatrix(classes), calibration);
  return calibration;
}

describe('calibration', () => {
  test('by hand', () => {
    // All are halves exactly. Bins of 1/15: 0.75 in (11/15, 12/15], 0.5 in (7/15, 8/15], 1 in (14/15, 1].
    const calibration = calibrationOf(
      [
        { p: [0.75, 0.125, 0.125], truth: 0 },
        { p: [0.125, 0.75, 0.125], truth: 0 },
        { p: [0.25, 0.25, 0.5], truth: 2 },
        { p: [1, 0, 0], truth: 0 },
      ],
      3,
    );
    const bins = calibration.bins();
    expect(bins.map(({ pixels }) => pixels)).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1]);
    expect(bins[11]).toEqual({ lower: 11 / 15, upper: 12 / 15, pixels: 2, confidence: 0.75, accuracy: 0.5 });
    expect(bins[7]).toMatchObject({ confidence: 0.5, accuracy: 1 });
    expect(bins[0].confidence).toBeNaN();
    expect(bins[0].accuracy).toBeNaN();
    expect(calibration.expectedCalibrationError()).toBeCloseTo((2 * 0.25 + 0.5 + 0) / 4, 12);
    expect(calibration.negativeLogLikelihood()).toBeCloseTo(
      -(Math.log(0.75) + Math.log(0.125) + Math.log(0.5)) / 4,
      12,
    );
    const brier = [
      2 * 0.125 ** 2 + 0.25 ** 2,
      0.875 ** 2 + 0.75 ** 2 + 0.125 ** 2,
      2 * 0.25 ** 2 + 0.5 ** 2,
      0,
    ];
    expect(calibration.brierScore()).toBeCloseTo(brier.reduce((s, b) => s + b, 0) / 4, 12);
  });

  test('certain and right is perfect, certain and wrong the worst there is', () => {
    const right = calibrationOf([{ p: [0, 1], truth: 1 }], 2);
    expect(right.expectedCalibrationError()).toBe(0);
    expect(right.negativeLogLikelihood()).toBe(0);
    expect(right.brierScore()).toBe(0);
    const wrong = calibrationOf([{ p: [0, 1], truth: 0 }], 2);
    expect(wrong.expectedCalibrationError()).toBe(1);
    expect(wrong.negativeLogLikelihood()).toBeCloseTo(-Math.log(1e-8), 12);
    expect(wrong.brierScore()).toBe(2);
  });

  test('of no pixel there is no measure', () => {
    const empty = new Calibration();
    expect(empty.expectedCalibrationError()).toBeNaN();
    expect(empty.negativeLogLikelihood()).toBeNaN();
    expect(empty.brierScore()).toBeNaN();
  });

  const pixel = (classes: number) =>
    fc.record({
      weights: fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), {
        minLength: classes,
        maxLength: classes,
      }),
      truth: fc.integer({ min: 0, max: classes }),
    });

  test('equals float64 arithmetic pixel by pixel, unlabelled ones left out', () => {
    const maps = fc
      .integer({ min: 2, max: 6 })
      .chain((classes) =>
        fc.record({ classes: fc.constant(classes), pixels: fc.array(pixel(classes), { maxLength: 80 }) }),
      );
    fc.assert(
      fc.property(maps, ({ classes, pixels }) => {
        const distributions = pixels.map(({ weights, truth }) => {
          const sum = weights.reduce((s, w) => s + w, 0);
          return { p: weights.map((w) => w / sum), truth };
        });
        const calibration = calibrationOf(distributions, classes);

        // The definitions, on the halves that a map holds.
        const values = halfValues();
        const counted = distributions
          .filter(({ truth }) => truth < classes)
          .map(({ p, truth }) => ({
            p: [...toHalves(Float32Array.from(p))].map((bits) => values[bits]),
            truth,
          }));
        fc.pre(counted.length > 0);
        let brier = 0;
        let likelihood = 0;
        const bins = new Map<number, { confidence: number; right: number }[]>();
        for (const { p, truth } of counted) {
          const top = Math.max(...p);
          const m = Array.from({ length: 15 }, (_, i) => i).find((i) => top > i / 15 && top <= (i + 1) / 15)!;
          bins.set(m, [...(bins.get(m) ?? []), { confidence: top, right: p.indexOf(top) === truth ? 1 : 0 }]);
          brier += p.reduce((s, value, c) => s + (value - (c === truth ? 1 : 0)) ** 2, 0);
          likelihood -= Math.log(Math.max(p[truth], 1e-8));
        }
        let error = 0;
        for (const members of bins.values()) {
          const mean = (key: 'confidence' | 'right') =>
            members.reduce((s, member) => s + member[key], 0) / members.length;
          error += (members.length / counted.length) * Math.abs(mean('right') - mean('confidence'));
        }
        const n = counted.length;
        expect(calibration.pixels()).toBe(n);
        expect(calibration.expectedCalibrationError()).toBeCloseTo(error, 10);
        expect(calibration.brierScore()).toBeCloseTo(brier / n, 10);
        expect(calibration.negativeLogLikelihood()).toBeCloseTo(likelihood / n, 10);
        expect(calibration.bins().reduce((s, { pixels: each }) => s + each, 0)).toBe(n);
      }),
    );
  });

  test('does not depend on the order of the pixels, to the last bit', () => {
    const pixels = Array.from({ length: 300 }, (_, i) => {
      const p = ((i * 37) % 101) / 101;
      return { p: [p, 1 - p], truth: i % 3 === 0 ? 0 : 1 };
    });
    const forwards = calibrationOf(pixels, 2);
    const backwards = calibrationOf([...pixels].reverse(), 2);
    expect(backwards.bins()).toEqual(forwards.bins());
    expect(backwards.brierScore()).toBe(forwards.brierScore());
    expect(backwards.negativeLogLikelihood()).toBe(forwards.negativeLogLikelihood());
  });
});
