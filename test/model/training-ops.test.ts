import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { IGNORE } from '../../src/frame.js';
import { startBackend } from '../../src/model/backend.js';
import { BATCH_NORM_EPSILON } from '../../src/model/deeplab.js';
import { registerGradients } from '../../src/model/training/gradients.js';
import { composedOps } from '../../src/model/training/training-ops.js';
import { randomTensor, relativeError } from './support.js';

beforeAll(async () => {
  await startBackend('wasm');
  registerGradients('wasm');
});

describe('batch norm', () => {
  const shapes: [number, number, number, number][] = [
    [4, 6, 8, 10],
    [2, 1, 1, 5],
    [3, 7, 5, 16],
  ];
  for (const activation of ['linear', 'relu', 'relu6'] as const) {
    test.each(shapes)(`%i×%i×%i×%i, ${activation}: as moments and normalisation give`, (...shape) => {
      const before = tf.memory().numTensors;
      const act = { linear: (x: tf.Tensor4D) => x, relu: tf.relu<tf.Tensor4D>, relu6: tf.relu6<tf.Tensor4D> };
      const plain = (x: tf.Tensor4D, scale: tf.Tensor1D, offset: tf.Tensor1D) => {
        const { mean, variance } = tf.moments(x, [0, 1, 2]);
        const y = tf.batchNorm4d(
          x,
          mean as tf.Tensor1D,
          variance as tf.Tensor1D,
          offset,
          scale,
          BATCH_NORM_EPSILON,
        );
        return act[activation](y);
      };
      const ours = (x: tf.Tensor4D, scale: tf.Tensor1D, offset: tf.Tensor1D) => {
        const { y, mean, variance } = composedOps.batchNorm(x, scale, offset, activation);
        const moments = tf.moments(x, [0, 1, 2]);
        expect(relativeError(mean.dataSync(), moments.mean.dataSync())).toBeLessThan(1e-5);
        expect(relativeError(variance.dataSync(), moments.variance.dataSync())).toBeLessThan(1e-5);
        tf.dispose([mean, variance]);
        return y;
      };
      const evaluate = (f: typeof ours) =>
        tf.tidy(() => {
          const channels = [shape[3]] as [number];
          // Wide enough for relu6 to cut at both ends, off-centre so that the mean matters.
          const x = tf.add(
            tf.mul(randomTensor(shape, 1), 5),
            randomTensor<tf.Rank.R1>(channels, 2),
          ) as tf.Tensor4D;
          const scale = tf.add(tf.mul(randomTensor<tf.Rank.R1>(channels, 3), 2), 4) as tf.Tensor1D;
          const offset = randomTensor<tf.Rank.R1>(channels, 4);
          const slope = randomTensor(shape, 5);
          const { value, grads } = tf.valueAndGrads((...args) => {
            const [a, b, c] = args as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
            return tf.sum(tf.mul(f(a, b, c), slope)) as tf.Scalar;
          })([x, scale, offset]);
          return [value, ...grads];
        });
      const expected = evaluate(plain);
      const actual = evaluate(ours);
      for (const [i, tensor] of actual.entries()) {
        expect(relativeError(tensor.dataSync(), expected[i]!.dataSync())).toBeLessThan(1e-4);
      }
      tf.dispose([actual, expected]);
      expect(tf.memory().numTensors).toBe(before);
    });
  }
});

describe('cross-entropy', () => {
  /** Loss and gradient of a row of small pixels of three classes; of the large ones those at them are labelled. */
  function lossOf(logits: number[][], labels: number[]): { loss: number; gradient: number[][] } {
    const before = tf.memory().numTensors;
    const { value, grad } = tf.tidy(() => {
      const x = tf.tensor4d(logits.flat(), [1, 1, logits.length, 3]);
      const large = new Int32Array(4 * labels.length - 3).fill(IGNORE);
      for (const [i, label] of labels.entries()) large[4 * i] = label;
      const y = tf.tensor3d(large, [1, 1, large.length], 'int32');
      return tf.valueAndGrad((t: tf.Tensor4D) => composedOps.crossEntropy(t, y))(x);
    });
    const flat = [...grad.dataSync()];
    const result = {
      loss: value.dataSync()[0]!,
      gradient: logits.map((_, i) => flat.slice(3 * i, 3 * i + 3)),
    };
    tf.dispose([value, grad]);
    expect(tf.memory().numTensors).toBe(before);
    return result;
  }
  const close = (actual: number[], expected: number[]) =>
    expect(relativeError(actual, expected)).toBeLessThan(1e-6);

  test('is the mean of −ln p over the labelled pixels', () => {
    // Softmax of (0, 0, 0) is thirds; of (ln 2, 0, 0) it is a half and two quarters.
    const { loss, gradient } = lossOf(
      [
        [0, 0, 0],
        [Math.log(2), 0, 0],
      ],
      [1, 0],
    );
    expect(loss).toBeCloseTo((Math.log(3) + Math.log(2)) / 2, 6);
    close(gradient[0]!, [1 / 6, (1 / 3 - 1) / 2, 1 / 6]);
    close(gradient[1]!, [(1 / 2 - 1) / 2, 1 / 8, 1 / 8]);
  });

  test('passes over unlabelled pixels and ids that are no class', () => {
    const { loss, gradient } = lossOf(
      [
        [0, 0, 0],
        [3, 1, 2],
        [9, 9, 1],
      ],
      [1, IGNORE, 3],
    );
    expect(loss).toBeCloseTo(Math.log(3), 6);
    close(gradient[0]!, [1 / 3, -2 / 3, 1 / 3]);
    expect(gradient[1]!.map(Math.abs)).toEqual([0, 0, 0]);
    expect(gradient[2]!.map(Math.abs)).toEqual([0, 0, 0]);
  });

  test('is 0 with a zero gradient where nothing is labelled', () => {
    const { loss, gradient } = lossOf([[1, 2, 3]], [IGNORE]);
    expect(Math.abs(loss)).toBe(0);
    expect(gradient[0]!.map(Math.abs)).toEqual([0, 0, 0]);
  });

  test('stays finite where the label is hopeless', () => {
    expect(lossOf([[500, 0, 0]], [1]).loss).toBeLessThan(100);
  });
});

describe('gradient descent', () => {
  test('two steps by hand', () => {
    const options = { learningRate: 0.1, momentum: 0.9, weightDecay: 0.5 };
    const step = (w: number, g: number, v: number) =>
      tf.tidy(() => {
        const { weights, velocity } = composedOps.momentumStep(
          tf.scalar(w),
          tf.scalar(g),
          tf.scalar(v),
          options,
        );
        return [weights.dataSync()[0]!, velocity.dataSync()[0]!] as const;
      });
    const [w1, v1] = step(2, 1, 0);
    expect(v1).toBeCloseTo(2, 6); // 1 + 0.5·2
    expect(w1).toBeCloseTo(1.8, 6);
    const [w2, v2] = step(1.8, -1, 2);
    expect(v2).toBeCloseTo(1.7, 6); // 0.9·2 − 1 + 0.9
    expect(w2).toBeCloseTo(1.63, 6);
  });
});
