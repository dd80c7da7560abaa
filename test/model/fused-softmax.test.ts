import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { IGNORE } from '../../src/frame.js';
import { startBackend } from '../../src/model/backend.js';
import { McDropout } from '../../src/model/inference/mc-dropout.js';
import { meanSoftmax as composedMeanSoftmax } from '../../src/model/inference/mean-softmax.js';
import { crossEntropy } from '../../src/model/kernels/cross-entropy.js';
import { type LinkedKernels, linkKernels } from '../../src/model/kernels/link.js';
import { meanSoftmax } from '../../src/model/kernels/mean-softmax.js';
import { halfValues, toHalves, UNIT_HALVES } from '../../src/model/probability-map.js';
import { alone, type Exchange } from '../../src/model/training/exchange.js';
import { registerGradients } from '../../src/model/training/gradients.js';
import { crossEntropy as composedCrossEntropy } from '../../src/model/training/loss.js';
import { random } from '../../src/random.js';
import { randomColour, randomValues, relativeError, trainedLookingNetwork } from './support.js';

/** Between 1 and the next float32. */
const STEP_AT_ONE = 2 ** -23;

let kernels: LinkedKernels;

beforeAll(async () => {
  await startBackend('wasm');
  registerGradients('wasm');
  kernels = linkKernels();
});

/** Sizes of the large image, and classes. */
interface Shape {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly classes: number;
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  images: fc.integer({ min: 1, max: 3 }),
  height: fc.integer({ min: 1, max: 19 }),
  width: fc.integer({ min: 1, max: 23 }),
  classes: fc.oneof(fc.integer({ min: 2, max: 9 }), fc.constantFrom(13, 40)),
});

function smallShape({ images, height, width, classes }: Shape): [number, number, number, number] {
  return [images, Math.ceil(height / 4), Math.ceil(width / 4), classes];
}

function randomLogits(shape: Shape, seed: number, spread = 6): Float32Array {
  return randomValues(tf.util.sizeFromShape(smallShape(shape)), seed).map((value) => value * spread);
}

/** Labels from 0 to C, of which the last is no class, and unlabelled pixels among them. */
function randomLabels({ images, height, width, classes }: Shape, seed: number): Int32Array {
  const next = random(seed);
  return Int32Array.from({ length: images * height * width }, () =>
    next() < 0.3 ? IGNORE : Math.floor(next() * (classes + 1)),
  );
}

/** Every pixel's logits in double precision, pixel after pixel. */
function* upsampled(logits: ArrayLike<number>, shape: Shape): Generator<number[]> {
  const [images, h, w, classes] = smallShape(shape);
  for (let n = 0; n < images; n++) {
    for (let y = 0; y < shape.height; y++) {
      for (let x = 0; x < shape.width; x++) {
        const [top, left] = [Math.floor(y / 4), Math.floor(x / 4)];
        const [bottom, right] = [Math.min(top + 1, h - 1), Math.min(left + 1, w - 1)];
        const [down, across] = [(y % 4) / 4, (x % 4) / 4];
        yield Array.from({ length: classes }, (_, c) => {
          const at = (row: number, column: number) => logits[((n * h + row) * w + column) * classes + c]!;
          const upper = at(top, left) * (1 - across) + at(top, right) * across;
          const lower = at(bottom, left) * (1 - across) + at(bottom, right) * across;
          return upper * (1 - down) + lower * down;
        });
      }
    }
  }
}

function softmax(z: number[]): number[] {
  const largest = Math.max(...z);
  const e = z.map((value) => Math.exp(value - largest));
  const sum = e.reduce((a, b) => a + b);
  return e.map((value) => value / sum);
}

describe('the sum of softmaxes', () => {
  /** softmax(upsample4(logits)) of one image, before it is rounded to halves. */
  function probabilities(logits: Float32Array, { height, width, classes }: Shape): Float32Array {
    const columns = Math.ceil(width / 4);
    const sums = height * columns * classes * 4;
    return kernels.scratch(4 * (logits.length + sums + columns * classes + 4 * classes), (address) => {
      const sum = address + 4 * logits.length;
      new Float32Array(kernels.heap(), address, logits.length + sums).fill(0).set(logits);
      kernels.call.addSoftmax(address, sum, sum + 4 * sums, height, width, classes);
      const cells = new Float32Array(kernels.heap(), sum, sums);
      return Float32Array.from({ length: height * width * classes }, (_, i) => {
        const [pixel, c] = [Math.floor(i / classes), i % classes];
        const [y, x] = [Math.floor(pixel / width), pixel % width];
        return cells[((y * columns + (x >> 2)) * classes + c) * 4 + (x & 3)]!;
      });
    });
  }

  test('is the softmax of the interpolated logits, for any size and number of classes', () => {
    fc.assert(
      fc.property(shapes, fc.nat(1e6), (any, seed) => {
        const shape = { ...any, images: 1 };
        const logits = randomLogits(shape, seed);
        const expected = [...upsampled(logits, shape)].flatMap(softmax);
        expect(relativeError(probabilities(logits, shape), expected)).toBeLessThan(2e-6);
      }),
      { numRuns: 60 },
    );
  });

  test('has e^x to float precision over all of its range', () => {
    // Of logits 0 and −x the second class has e^−x of the first.
    const pixels = 4000;
    const shape = { images: 1, height: 1, width: 4 * pixels, classes: 2 };
    const logits = Float32Array.from({ length: 2 * pixels }, (_, i) => (i % 2) * -86.9 * (i / 2 / pixels));
    const p = probabilities(logits, shape);
    let worst = 0;
    for (let i = 0; i < pixels; i++) {
      const expected = Math.exp(logits[2 * i + 1]!);
      worst = Math.max(worst, Math.abs(p[8 * i + 1]! / p[8 * i]! / expected - 1));
    }
    expect(worst).toBeLessThan(3e-7);
  });

  test('bears logits far apart', () => {
    const shape = { images: 1, height: 1, width: 8, classes: 3 };
    const p = probabilities(Float32Array.of(3e4, -3e4, 0, -3e4, 3e4, 0), shape);
    expect([...p.subarray(0, 3)]).toEqual([1, expect.closeTo(0, 30), expect.closeTo(0, 30)]);
    // Half-way, both have the same logit again.
    for (const [c, expected] of [1 / 3, 1 / 3, 1 / 3].entries()) expect(p[6 + c]).toBeCloseTo(expected, 6);
    expect(p[13]).toBe(1);
  });
});

test('halves of the mean are those of toHalves, bit for bit', () => {
  const values = [0, 1, 1 + 2 ** -23, 2 ** -14, 2 ** -15 * 1.3, 2 ** -24, 2 ** -25, 2 ** -26, 1e-40];
  const table = halfValues();
  for (let bits = 0; bits + 1 < UNIT_HALVES; bits++) {
    const [low, high] = [table[bits]!, table[bits + 1]!];
    const tie = (low + high) / 2;
    values.push(low, tie, tie * (1 + 2 ** -23), tie * (1 - 2 ** -23), low + (high - low) * 0.3);
  }
  while (values.length % 4) values.push(0.5);
  const floats = Float32Array.from(values);
  const { length } = floats;
  const halves = kernels.scratch(6 * length, (address) => {
    new Float32Array(kernels.heap(), address, length).set(floats);
    kernels.call.meanHalves(address, address + 4 * length, 1, length, 1, 1);
    return new Uint16Array(kernels.heap(), address + 4 * length, length).slice();
  });
  expect(halves).toEqual(toHalves(floats));
});

describe('the mean softmax', () => {
  test('agrees with the composed one within a step of half precision', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 5 }), fc.nat(1e6), (any, draws, seed) => {
        const shape = { ...any, images: 1 };
        const before = tf.memory().numTensors;
        const logitsOf = (draw: number) =>
          tf.tensor<tf.Rank.R4>(randomLogits(shape, seed + draw), smallShape(shape));
        const fused = meanSoftmax(kernels, shape, shape.classes, draws, logitsOf);
        const composed = composedMeanSoftmax(shape, draws, logitsOf);
        expect(fused.length).toBe(shape.height * shape.width * shape.classes);
        for (const [i, half] of fused.entries()) expect(Math.abs(half - composed[i]!)).toBeLessThanOrEqual(1);
        expect(tf.memory().numTensors).toBe(before);
      }),
      { numRuns: 40 },
    );
  });

  test('takes no more memory for more draws', () => {
    const network = trainedLookingNetwork(13);
    const frame = { scene: 'a', id: '0', width: 96, height: 64, colour: randomColour(96, 64, 1) };
    const sizes = [2, 40].map((draws) => {
      const mcDropout = new McDropout(network, { draws, seed: 1 });
      expect(mcDropout.predict(frame).data).toEqual(mcDropout.predict(frame).data);
      mcDropout.dispose();
      return kernels.heap().byteLength;
    });
    expect(sizes[1]).toBe(sizes[0]);
  });
});

describe('cross-entropy', () => {
  type Loss = (logits: tf.Tensor4D, labels: tf.Tensor3D, weights?: Float32Array) => tf.Scalar;
  const fused =
    (exchange: Exchange): Loss =>
    (...args) =>
      crossEntropy(kernels, exchange, ...args);

  /** Value and gradient; `slope` is the gradient that comes from above. */
  function evaluate(
    loss: Loss,
    shape: Shape,
    logits: Float32Array,
    labels: Int32Array,
    weights?: Float32Array,
    slope = 1,
  ): { value: number; gradient: Float32Array } {
    const before = tf.memory().numTensors;
    const { value, grad } = tf.tidy(() => {
      const x = tf.tensor<tf.Rank.R4>(logits, smallShape(shape));
      const y = tf.tensor<tf.Rank.R3>(labels, [shape.images, shape.height, shape.width], 'int32');
      return tf.valueAndGrad((t: tf.Tensor4D) => tf.mul(loss(t, y, weights), slope))(x);
    });
    const result = { value: value.dataSync()[0]! / slope, gradient: grad.dataSync<'float32'>() };
    tf.dispose([value, grad]);
    expect(tf.memory().numTensors).toBe(before);
    return result;
  }

  /** In double precision, by the definition. */
  function reference(
    shape: Shape,
    logits: ArrayLike<number>,
    labels: Int32Array,
    weights?: Float32Array,
  ): number {
    let total = 0;
    let weight = 0;
    let pixel = 0;
    for (const z of upsampled(logits, shape)) {
      const label = labels[pixel++]!;
      if (label >= shape.classes) continue;
      const w = weights?.[label] ?? 1;
      total -= w * Math.log(softmax(z)[label]!);
      weight += w;
    }
    return weight && total / weight;
  }

  test('loss and gradient are those of the composed one, for any size, classes and weights', () => {
    fc.assert(
      fc.property(shapes, fc.nat(1e6), fc.boolean(), (shape, seed, isWeighted) => {
        const logits = randomLogits(shape, seed);
        const labels = randomLabels(shape, seed + 1);
        const weights = isWeighted ? randomValues(shape.classes, seed + 2).map(Math.abs) : undefined;
        const ours = evaluate(fused(alone(shape.images)), shape, logits, labels, weights, 0.25);
        const composed = evaluate(composedCrossEntropy, shape, logits, labels, weights, 0.25);
        const expected = reference(shape, logits, labels, weights);
        // Where every pixel is right, a loss near 0 is the logarithm of a float32 near 1, and a gradient 1 less than one:
        // neither is nearer than the float32s there.
        expect(Math.abs(ours.value - expected)).toBeLessThanOrEqual(1e-6 * expected + STEP_AT_ONE);
        const largest = composed.gradient.reduce((most, slope) => Math.max(most, Math.abs(slope)), 0);
        const difference = relativeError(ours.gradient, composed.gradient) * (largest || 1);
        expect(difference).toBeLessThanOrEqual(1e-5 * largest + STEP_AT_ONE);
      }),
      {
        numRuns: 60,
        examples: [[{ images: 1, height: 1, width: 1, classes: 2 }, 410_015, false]], // a loss of 0.014
      },
    );
  });

  test('the gradient is the slope of the loss', () => {
    const shape = { images: 2, height: 7, width: 9, classes: 5 };
    const logits = randomLogits(shape, 3, 2);
    const labels = randomLabels(shape, 4);
    const weights = Float32Array.of(1, 0.5, 2, 0, 3);
    const { gradient } = evaluate(fused(alone(2)), shape, logits, labels, weights);
    const slopes = Array.from(logits, (_, i) => {
      const at = (offset: number) => {
        const moved = Float64Array.from(logits);
        moved[i]! += offset;
        return reference(shape, moved, labels, weights);
      };
      return (at(1e-4) - at(-1e-4)) / 2e-4;
    });
    expect(relativeError(gradient, slopes)).toBeLessThan(1e-6);
  });

  test('by hand: two pixels four apart, one of them no class', () => {
    // Softmax of (0, 0, 0) is thirds.
    const shape = { images: 1, height: 1, width: 5, classes: 3 };
    const labels = Int32Array.of(1, IGNORE, IGNORE, IGNORE, 3);
    const logits = Float32Array.of(0, 0, 0, 9, 9, 1);
    const { value, gradient } = evaluate(fused(alone(1)), shape, logits, labels);
    expect(value).toBeCloseTo(Math.log(3), 6);
    expect(relativeError(gradient, [1 / 3, -2 / 3, 1 / 3, 0, 0, 0])).toBeLessThan(1e-6);
  });

  test('a sure pixel has a small loss to full precision, a hopeless one its true loss', () => {
    const shape = { images: 1, height: 1, width: 1, classes: 2 };
    const at = (gap: number) => evaluate(fused(alone(1)), shape, Float32Array.of(0, gap), Int32Array.of(0));
    for (const gap of [-0.001, -1, -4, 2, 30]) {
      const expected = Math.log1p(Math.exp(gap));
      expect(Math.abs(at(gap).value - expected)).toBeLessThan(1e-7 + 2e-7 * expected);
    }
    expect(at(500).value).toBe(500);
    expect(relativeError(at(500).gradient, [-1, 1])).toBeLessThan(1e-6);
  });

  test('is 0 with a zero gradient where nothing is labelled', () => {
    const shape = { images: 2, height: 6, width: 5, classes: 4 };
    const labels = new Int32Array(60).fill(IGNORE);
    const { value, gradient } = evaluate(fused(alone(2)), shape, randomLogits(shape, 1), labels);
    expect(value).toBe(0);
    expect(gradient.every((g) => Math.abs(g) === 0)).toBe(true);
  });

  test('one replica of four images and two of two come to the same bits', () => {
    const whole = { images: 4, height: 13, width: 22, classes: 13 };
    const half = { ...whole, images: 2 };
    const logits = randomLogits(whole, 1);
    const labels = randomLabels(whole, 2);
    const weights = randomValues(13, 3).map(Math.abs);
    const { value, gradient } = evaluate(fused(alone(4)), whole, logits, labels, weights);

    const parts = [0, 1].map((replica) => ({
      logits: logits.slice((replica * logits.length) / 2, ((replica + 1) * logits.length) / 2),
      labels: labels.slice((replica * labels.length) / 2, ((replica + 1) * labels.length) / 2),
    }));
    // A first run learns what each replica brings to the exchange, a second one gives both everything.
    const brought: number[] = [];
    const run = (gather: Exchange['gather']) =>
      parts.map((part) =>
        evaluate(fused({ ...alone(4), replicas: 2, gather }), half, part.logits, part.labels, weights),
      );
    run((mine) => {
      brought.push(...mine);
      return Float32Array.of(...mine, ...mine);
    });
    const replicas = run(() => Float32Array.from(brought));
    expect(replicas.map((replica) => replica.value)).toEqual([value, value]);
    expect([...replicas[0]!.gradient, ...replicas[1]!.gradient]).toEqual([...gradient]);
  });
});
