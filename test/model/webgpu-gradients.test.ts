import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IGNORE } from '../../src/frame.js';
import { closeGpu, openGpu } from '../../src/gpu/device.js';
import { startBackend } from '../../src/model/backend.js';
import { type Activation, upsample4 } from '../../src/model/deeplab.js';
import { splitFilters } from '../../src/model/split-filters.js';
import { conv2d, depthwiseConv2d } from '../../src/model/training/convolution.js';
import { gpuOps } from '../../src/model/training/gpu/gpu-ops.js';
import { TrainingKernels } from '../../src/model/training/gpu/training-kernels.js';
import { registerGradients } from '../../src/model/training/gradients.js';
import { composedOps, type TrainingOps } from '../../src/model/training/training-ops.js';
import { WebGpuTensors } from '../../src/model/webgpu-tensors.js';
import { gpu, where } from '../store/gpu-setting.js';
import { randomTensor, randomValues, relativeError } from './support.js';

/** Of the largest value. The cpu backend rounds sums to float32 one by one, which over 2 300 pixels comes to a third of it. */
const TOLERANCE = 2e-5;

type Shape = [number, number, number, number];
type Differentiable = (...inputs: tf.Tensor4D[]) => tf.Tensor;

describe.skipIf(typeof gpu === 'string')(`gradients on WebGPU, ${where}`, () => {
  let tensors: WebGpuTensors;
  let ours: TrainingOps;
  beforeAll(async () => {
    tensors = WebGpuTensors.start(await openGpu());
    ours = gpuOps(await TrainingKernels.load(tensors));
    await startBackend('cpu');
    registerGradients('cpu');
  });
  afterAll(closeGpu);

  /** Value of f and gradients of Σ weights·f by each input. Leaves no tensor behind. */
  async function evaluateOn(
    backend: 'webgpu' | 'cpu',
    f: Differentiable,
    shapes: readonly Shape[],
    spread = 1,
  ): Promise<Float32Array[]> {
    await tf.setBackend(backend);
    const before = tf.memory().numTensors;
    const results = tf.tidy(() => {
      const inputs = shapes.map((shape, i) => tf.mul<tf.Tensor4D>(randomTensor(shape, i + 1), spread));
      const weighted = (...args: tf.Tensor[]) => {
        const y = f(...(args as tf.Tensor4D[]));
        return tf.sum(tf.mul(y, tf.tensor(randomValues(y.size, 77), y.shape)));
      };
      return [f(...inputs), ...tf.grads(weighted)(inputs)];
    });
    const values = await Promise.all(results.map((tensor) => tensor.data<'float32'>()));
    tf.dispose(results);
    expect(tf.memory().numTensors).toBe(before);
    return values;
  }

  async function expectAlike(f: Differentiable, shapes: readonly Shape[], spread?: number): Promise<void> {
    const expected = await evaluateOn('cpu', f, shapes, spread);
    const actual = await evaluateOn('webgpu', f, shapes, spread);
    for (const [i, values] of actual.entries())
      expect(relativeError(values, expected[i]!), i === 0 ? 'value' : `input ${i}`).toBeLessThan(TOLERANCE);
  }

  test.each<[number, number, number, number, number, number, 1 | 2]>([
    [1, 7, 5, 3, 8, 1, 1],
    [3, 9, 11, 16, 24, 1, 1],
    // More than a tile both ways, pixels in several chunks.
    [2, 19, 17, 72, 80, 1, 1],
    [2, 1, 1, 24, 8, 1, 1],
    [2, 1, 1, 7, 5, 1, 1],
    [1, 17, 23, 3, 16, 3, 2],
    [3, 16, 18, 3, 16, 3, 2],
  ])('a convolution of %i×%i×%i×%i to %i channels, %i wide, stride %i', async (...of) => {
    const [batch, height, width, input, output, size, stride] = of;
    const shapes: Shape[] = [
      [batch, height, width, input],
      [size, size, input, output],
    ];
    await expectAlike((x, filter) => conv2d(x, filter, stride), shapes);
  });

  test("the stem's: the image has no gradient", async () => {
    await expectAlike(
      (x, filter) => conv2d(x, filter, 2, true),
      [
        [2, 17, 15, 3],
        [3, 3, 3, 16],
      ],
    );
  });

  test.each<[number, number, number, number, 1 | 2, number]>([
    [1, 9, 7, 5, 1, 1],
    [2, 21, 17, 40, 1, 1],
    [2, 15, 15, 8, 2, 1],
    [3, 16, 14, 70, 2, 1],
    [1, 1, 1, 16, 1, 1],
    [2, 11, 9, 12, 1, 2],
    [2, 7, 10, 12, 1, 4],
    [2, 15, 20, 16, 1, 6],
    [2, 15, 20, 16, 1, 12],
    [2, 15, 20, 16, 1, 18],
    [1, 3, 3, 4, 1, 18],
  ])('a depthwise convolution of %i×%i×%i×%i, stride %i, dilation %i', async (...of) => {
    const [batch, height, width, channels, stride, dilation] = of;
    const shapes: Shape[] = [
      [batch, height, width, channels],
      [3, 3, channels, 1],
    ];
    await expectAlike((x, filter) => depthwiseConv2d(x, filter, stride, dilation), shapes);
  });

  describe.each<Activation>(['linear', 'relu', 'relu6'])('batch norm, %s', (activation) => {
    test.each<Shape>([
      [4, 6, 8, 10],
      [2, 1, 1, 5],
      [1, 3, 5, 200],
      [2, 33, 41, 96],
    ])('of %i×%i×%i×%i', async (...shape) => {
      const channels = shape[3];
      // Of two values dx is 0 but for epsilon, and what is left of it in float32 has lost digits.
      const tolerance = shape[0] * shape[1] * shape[2] === 2 ? 1e-3 : 1e-4;
      const statistics: Float32Array[][] = [];
      for (const [backend, ops] of [
        ['cpu', composedOps],
        ['webgpu', ours],
      ] as const) {
        await tf.setBackend(backend);
        const before = tf.memory().numTensors;
        const kept: tf.Tensor[] = [];
        const results = tf.tidy(() => {
          const x = tf.add(tf.mul(randomTensor(shape, 1), 5), 7) as tf.Tensor4D;
          const scale = tf.add(tf.mul(randomTensor<tf.Rank.R1>([channels], 3), 2), 4) as tf.Tensor1D;
          const offset = randomTensor<tf.Rank.R1>([channels], 4);
          const slope = randomTensor(shape, 5);
          const { value, grads } = tf.valueAndGrads((...args) => {
            const [a, b, c] = args as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
            const { y, mean, variance } = ops.batchNorm(a, b, c, activation);
            kept.push(mean, variance);
            return tf.sum(tf.mul(y, slope)) as tf.Scalar;
          })([x, scale, offset]);
          return [value, ...grads];
        });
        statistics.push(await Promise.all([...results, ...kept].map((t) => t.data<'float32'>())));
        tf.dispose([results, kept]);
        expect(tf.memory().numTensors).toBe(before);
      }
      const [expected, actual] = statistics as [Float32Array[], Float32Array[]];
      const names = ['value', 'dx', 'dScale', 'dOffset', 'mean', 'variance'];
      for (const [i, values] of actual.entries())
        expect(relativeError(values, expected[i]!), names[i]).toBeLessThan(tolerance);
    });
  });

  describe('cross-entropy', () => {
    async function lossOn(
      backend: 'webgpu' | 'cpu',
      [height, width]: readonly [number, number],
      classes: number,
      labels: Int32Array,
      classWeights?: Float32Array,
      scale = 3,
    ): Promise<Float32Array[]> {
      await tf.setBackend(backend);
      const ops = backend === 'cpu' ? composedOps : ours;
      const before = tf.memory().numTensors;
      const images = labels.length / (height * width);
      const results = tf.tidy(() => {
        const shape: Shape = [images, Math.ceil(height / 4), Math.ceil(width / 4), classes];
        const logits = tf.mul(randomTensor(shape, 1), scale) as tf.Tensor4D;
        const target = tf.tensor3d(labels, [images, height, width], 'int32');
        const { value, grad } = tf.valueAndGrad((x: tf.Tensor4D) =>
          ops.crossEntropy(x, target, classWeights),
        )(logits);
        return [value, grad];
      });
      const values = await Promise.all(results.map((tensor) => tensor.data<'float32'>()));
      tf.dispose(results);
      expect(tf.memory().numTensors).toBe(before);
      return values;
    }

    const randomLabels = (length: number, classes: number) =>
      Int32Array.from(randomValues(length, 9), (v) =>
        v > 0.6 ? IGNORE : Math.floor(((v + 1) / 2) * (classes + 1)),
      );

    test.each([
      [1, 16, 20, 13, false],
      [2, 33, 31, 4, true],
      [3, 5, 3, 40, true],
      [2, 4, 1, 2, false],
      [1, 45, 61, 13, true],
    ])('of %i images %i×%i, %i classes, weighted %s', async (images, height, width, classes, isWeighted) => {
      // Some labels are the first that is no class.
      const labels = randomLabels(images * height * width, classes);
      const weights = isWeighted ? Float32Array.from({ length: classes }, (_, c) => c % 5) : undefined;
      const [loss, gradient] = await lossOn('webgpu', [height, width], classes, labels, weights);
      const [expected, slopes] = await lossOn('cpu', [height, width], classes, labels, weights);
      expect(relativeError(loss!, expected!)).toBeLessThan(1e-5);
      expect(relativeError(gradient!, slopes!)).toBeLessThan(1e-5);
    });

    test('is 0 with a zero gradient where nothing is labelled', async () => {
      const [loss, gradient] = await lossOn('webgpu', [9, 9], 3, new Int32Array(81).fill(IGNORE));
      expect([...loss!]).toEqual([0]);
      expect(gradient!.every((value) => Math.abs(value) === 0)).toBe(true);
    });

    test('stays finite where labels are hopeless', async () => {
      const labels = randomLabels(2 * 12 * 12, 5);
      const [loss, gradient] = await lossOn('webgpu', [12, 12], 5, labels, undefined, 1000);
      expect(Number.isFinite(loss![0])).toBe(true);
      expect(gradient!.every(Number.isFinite)).toBe(true);
    });
  });

  test.each<[string, Differentiable, Shape[]]>([
    ['upsampling by 4', (x) => upsample4(x, 20, 12), [[2, 5, 3, 8]]],
    ['upsampling by 4, cropped', (x) => upsample4(x, 17, 9), [[2, 5, 3, 7]]],
    ['upsampling by 4 of one pixel', (x) => upsample4(x, 3, 4), [[1, 1, 1, 5]]],
    ["the mean of ASPP's image branch", (x) => tf.mean(x, [1, 2], true), [[2, 5, 7, 24]]],
    [
      'a residual',
      (x, y) => tf.add(x, y),
      [
        [2, 3, 5, 8],
        [2, 3, 5, 8],
      ],
    ],
    [
      'a branch of one pixel',
      (x, y) => tf.add(x, y),
      [
        [2, 5, 3, 8],
        [2, 1, 1, 8],
      ],
    ],
    [
      'a dropout mask',
      (x, y) => tf.mul(x, y),
      [
        [3, 5, 3, 8],
        [3, 1, 1, 8],
      ],
    ],
    [
      'a bias',
      (x, y) => tf.add(x, tf.reshape(y, [13])),
      [
        [2, 9, 7, 13],
        [1, 1, 1, 13],
      ],
    ],
    [
      'a convolution of several inputs',
      (x, y, filter) => {
        const [a, b] = splitFilters(filter, [x, y]) as [tf.Tensor4D, tf.Tensor4D];
        return tf.add(conv2d(x, a, 1), conv2d(y, b, 1));
      },
      [
        [2, 5, 3, 8],
        [2, 5, 3, 4],
        [1, 1, 12, 6],
      ],
    ],
  ])('%s', async (_, f, shapes) => {
    await expectAlike(f, shapes);
  });

  test.each([1, 7, 256, 1001])('a step of descent of %i weights', async (n) => {
    const options = { learningRate: 0.1, momentum: 0.9, weightDecay: 5e-4 };
    const step = async (backend: 'webgpu' | 'cpu', ops: TrainingOps) => {
      await tf.setBackend(backend);
      const before = tf.memory().numTensors;
      const [w, g, v] = [1, 2, 3].map((seed) => randomTensor<tf.Rank.R1>([n], seed)) as [
        tf.Tensor1D,
        tf.Tensor1D,
        tf.Tensor1D,
      ];
      const { weights, velocity } = ops.momentumStep(w, g, v, options);
      const values = await Promise.all([weights, velocity].map((tensor) => tensor.data<'float32'>()));
      tf.dispose([w, g, v, weights, velocity]);
      expect(tf.memory().numTensors).toBe(before);
      return values;
    };
    const expected = await step('cpu', composedOps);
    for (const [i, values] of (await step('webgpu', ours)).entries())
      expect(relativeError(values, expected[i]!)).toBeLessThan(1e-6);
  });

  test('running statistics move towards those of a batch', async () => {
    const vector = (seed: number) => randomTensor<tf.Rank.R1>([300], seed);
    const moved = async (backend: 'webgpu' | 'cpu', ops: TrainingOps) => {
      await tf.setBackend(backend);
      const running = { mean: vector(1), variance: vector(2) };
      const batch = { mean: vector(3), variance: vector(4) };
      const { mean, variance } = ops.follow(running, batch, 0.1);
      const values = await Promise.all([mean, variance].map((tensor) => tensor.data<'float32'>()));
      tf.dispose([running, batch, { mean, variance }]);
      return values;
    };
    const expected = await moved('cpu', composedOps);
    for (const [i, values] of (await moved('webgpu', ours)).entries())
      expect(relativeError(values, expected[i]!)).toBeLessThan(1e-6);
  });
});
