import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBackend } from '../../../src/model/backend.js';
import { type Activation, BATCH_NORM_EPSILON } from '../../../src/model/deeplab.js';
import { fastBatchNorm } from '../../../src/model/kernels/fast-batch-norm.js';
import { linkKernels } from '../../../src/model/kernels/link.js';
import { alone } from '../../../src/model/training/exchange.js';
import { randomValues, relativeError } from '../support.js';

type Shape4D = [number, number, number, number];

interface Case {
  readonly shape: Shape4D;
  readonly activation: Activation;
  /** Mean of x in units of its spread. */
  readonly shift: number;
  readonly seed: number;
}

interface Results {
  readonly y: ArrayLike<number>;
  readonly mean: ArrayLike<number>;
  readonly variance: ArrayLike<number>;
  /** Of Σ dy·y. */
  readonly dx: ArrayLike<number>;
  readonly dScale: ArrayLike<number>;
  readonly dOffset: ArrayLike<number>;
}

function inputsOf({ shape, shift, seed }: Case) {
  const size = shape.reduce((product, n) => product * n);
  const channels = shape[3];
  return {
    // Wide enough for relu6 to cut at both ends.
    x: randomValues(size, seed).map((value) => 5 * (value + shift)),
    dy: randomValues(size, seed + 1),
    scale: randomValues(channels, seed + 2).map((value) => 4 + 2 * value),
    offset: randomValues(channels, seed + 3),
  };
}

/** By the definition, in float64. */
function direct(c: Case): Results {
  const { x, dy, scale, offset } = inputsOf(c);
  const channels = c.shape[3];
  const pixels = x.length / channels;
  const [low, high] = { linear: [-1e9, 1e9], relu: [0, 1e9], relu6: [0, 6] }[c.activation] as [
    number,
    number,
  ];
  const [y, dx] = [new Float64Array(x.length), new Float64Array(x.length)];
  const [mean, variance, dScale, dOffset] = [0, 1, 2, 3].map(() => new Float64Array(channels)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const centred = new Float64Array(x.length);
  const dz = new Float64Array(x.length);
  const k = (i: number) => i % channels;
  for (let i = 0; i < x.length; i++) mean[k(i)]! += x[i]! / pixels;
  for (let i = 0; i < x.length; i++) variance[k(i)]! += (x[i]! - mean[k(i)]!) ** 2 / pixels;
  for (let i = 0; i < x.length; i++) {
    centred[i] = (x[i]! - mean[k(i)]!) / Math.sqrt(variance[k(i)]! + BATCH_NORM_EPSILON);
    const z = centred[i]! * scale[k(i)]! + offset[k(i)]!;
    y[i] = Math.min(high, Math.max(low, z));
    dz[i] = z > low && z < high ? dy[i]! : 0;
    dScale[k(i)]! += dz[i]! * centred[i]!;
    dOffset[k(i)]! += dz[i]!;
  }
  for (let i = 0; i < x.length; i++) {
    const factor = scale[k(i)]! / Math.sqrt(variance[k(i)]! + BATCH_NORM_EPSILON);
    dx[i] = factor * (dz[i]! - dOffset[k(i)]! / pixels - (centred[i]! * dScale[k(i)]!) / pixels);
  }
  return { y, mean, variance, dx, dScale, dOffset };
}

function byKernels(c: Case): Results {
  const before = tf.memory().numTensors;
  const inputs = inputsOf(c);
  const exchange = alone(c.shape[0]);
  const tensors = tf.tidy(() => {
    const [x, dy] = [tf.tensor4d(inputs.x, c.shape), tf.tensor4d(inputs.dy, c.shape)];
    let forward: ReturnType<typeof fastBatchNorm> | undefined;
    const [dx, dScale, dOffset] = tf.grads((...args) => {
      const [a, s, o] = args as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
      forward = fastBatchNorm(linkKernels(), exchange, a, s, o, c.activation);
      tf.keep(forward.y);
      return forward.y;
    })([x, tf.tensor1d(inputs.scale), tf.tensor1d(inputs.offset)], dy);
    return { ...forward!, dx: dx!, dScale: dScale!, dOffset: dOffset! };
  });
  const results = Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, (tensor as tf.Tensor).dataSync()]),
  ) as unknown as Results;
  tf.dispose(Object.values(tensors));
  expect(tf.memory().numTensors).toBe(before);
  return results;
}

beforeAll(() => startBackend('wasm'));

describe('batch norm', () => {
  test('values, statistics and gradients are those of the definition', () => {
    const cases: fc.Arbitrary<Case> = fc.record({
      shape: fc.tuple(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 3, max: 20 }),
        fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(96, 401)),
      ) as fc.Arbitrary<Shape4D>,
      activation: fc.constantFrom<Activation>('linear', 'relu', 'relu6'),
      shift: fc.constantFrom(0, 0.5, -2),
      seed: fc.integer({ min: 0, max: 1000 }),
    });
    fc.assert(
      fc.property(cases, (c) => {
        const expected = direct(c);
        const actual = byKernels(c);
        for (const name of Object.keys(expected) as (keyof Results)[]) {
          expect(relativeError(actual[name], expected[name]), name).toBeLessThan(1e-5);
        }
      }),
      { numRuns: 60, seed: 3 },
    );
  });

  test('nothing cancels where the mean is a thousand times the spread', () => {
    const c: Case = { shape: [2, 30, 40, 12], activation: 'linear', shift: 1000, seed: 4 };
    expect(relativeError(byKernels(c).variance, direct(c).variance)).toBeLessThan(1e-5);
  });

  test('a single pixel has no variance', () => {
    const c: Case = { shape: [1, 1, 1, 5], activation: 'linear', shift: 1, seed: 5 };
    expect([...(byKernels(c).variance as Float32Array)]).toEqual([0, 0, 0, 0, 0]);
  });

  test('NaN comes through', () => {
    const y = tf.tidy(() => {
      const x = tf.tensor4d([1, Number.NaN, 3, 4], [1, 2, 2, 1]);
      const { y, mean, variance } = fastBatchNorm(
        linkKernels(),
        alone(1),
        x,
        tf.ones([1]),
        tf.zeros([1]),
        'relu6',
      );
      tf.dispose([mean, variance]);
      return y;
    });
    expect([...y.dataSync()].every(Number.isNaN)).toBe(true);
    y.dispose();
  });
});
