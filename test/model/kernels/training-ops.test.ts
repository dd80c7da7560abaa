import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { startBackend } from '../../../src/model/backend.js';
import { fastOps } from '../../../src/model/kernels/fast-ops.js';
import { linkKernels } from '../../../src/model/kernels/link.js';
import { alone } from '../../../src/model/training/exchange.js';
import { composedOps } from '../../../src/model/training/training-ops.js';
import { randomTensor, relativeError } from '../support.js';

beforeAll(() => startBackend('wasm'));

test.each([1, 3, 4, 7, 64, 1001])('a step on %i numbers is the composed one, in fresh tensors', (n) => {
  const options = { learningRate: 0.1, momentum: 0.9, weightDecay: 5e-4 };
  const inputs = [1, 2, 3].map((seed) => randomTensor<tf.Rank.R1>([n], seed)) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const copies = inputs.map((tensor) => tensor.dataSync());
  const before = tf.memory().numTensors;
  const actual = fastOps(linkKernels(), alone(1)).momentumStep(...inputs, options);
  const expected = composedOps.momentumStep(...inputs, options);
  for (const name of ['weights', 'velocity'] as const) {
    expect(actual[name].shape).toEqual([n]);
    expect(relativeError(actual[name].dataSync(), expected[name].dataSync())).toBeLessThan(1e-6);
  }
  expect(inputs.map((tensor) => tensor.dataSync())).toEqual(copies);
  expect(tf.memory().numTensors).toBe(before + 4);
  tf.dispose([...Object.values(actual), ...Object.values(expected), ...inputs]);
});

test('the gradient of a bias sums over pixels and images', () => {
  const { addBias } = fastOps(linkKernels(), alone(3));
  for (const shape of [
    [3, 5, 7, 13],
    [1, 1, 1, 4],
    [4, 9, 2, 1],
  ] as [number, number, number, number][]) {
    const before = tf.memory().numTensors;
    const tensors = tf.tidy(() => {
      const [x, dy] = [randomTensor(shape, 1), randomTensor(shape, 2)];
      const bias = randomTensor<tf.Rank.R1>([shape[3]], 3);
      const grads = tf.grads((...args) => addBias(args[0] as tf.Tensor4D, args[1] as tf.Tensor1D));
      return [dy, tf.sum(dy, [0, 1, 2]), ...grads([x, bias], dy), tf.add(x, bias), addBias(x, bias)];
    });
    const [dy, sum, dx, dBias, expected, actual] = tensors.map((tensor) => tensor.dataSync());
    expect(dx).toEqual(dy);
    expect(relativeError(dBias!, sum!)).toBeLessThan(1e-5);
    expect(actual).toEqual(expected);
    tf.dispose(tensors);
    expect(tf.memory().numTensors).toBe(before);
  }
});
