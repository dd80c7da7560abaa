import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBackend } from '../../../src/model/backend.js';
import { registerFastConvolutions } from '../../../src/model/kernels/fast-convolutions.js';
import { directDepthwiseGradients } from '../direct-depthwise.js';
import { gradientsOf, randomTensor, relativeError } from '../support.js';

const TOLERANCE = 1e-5;
const RUNS = 60;

type Shape4D = [number, number, number, number];

beforeAll(async () => {
  await startBackend('wasm');
  registerFastConvolutions();
});

/** What `compute` gives on a backend; expects it to leave no tensor behind. */
async function on<T>(backend: 'wasm' | 'cpu', compute: () => T): Promise<T> {
  await tf.setBackend(backend);
  const before = tf.memory().numTensors;
  const result = compute();
  expect(tf.memory().numTensors).toBe(before);
  return result;
}

// Panels are 4 and 8 wide, blocks of pixels 64 and 256 high: below, at and above each, multiples and others.
const channels = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(24, 32, 33));

const convolutions = fc.record({
  height: fc.integer({ min: 5, max: 19 }),
  width: fc.integer({ min: 5, max: 19 }),
  input: channels,
  output: channels,
  batch: fc.integer({ min: 1, max: 3 }),
  size: fc.constantFrom(1, 1, 3, 5),
  stride: fc.constantFrom<1 | 2 | 3>(1, 1, 2, 3),
  pad: fc.constantFrom<'same' | 'valid' | 1>('same', 'valid', 1),
  seed: fc.integer({ min: 0, max: 1000 }),
});

describe('convolution', () => {
  test('values and gradients agree with the cpu backend', async () => {
    await fc.assert(
      fc.asyncProperty(convolutions, async (c) => {
        const conv = (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.conv2d(x, filter, c.stride, c.pad);
        const inputs = [
          { shape: [c.batch, c.height, c.width, c.input] as Shape4D, seed: c.seed },
          { shape: [c.size, c.size, c.input, c.output] as Shape4D, seed: c.seed + 1 },
        ];
        const values = () => {
          const y = tf.tidy(() => {
            const [x, filter] = inputs.map(({ shape, seed }) => randomTensor(shape, seed));
            return conv(x!, filter!);
          });
          const numbers = y.dataSync();
          y.dispose();
          return numbers;
        };
        const all = () => [values(), ...gradientsOf(conv, inputs)];
        const [expected, actual] = [await on('cpu', all), await on('wasm', all)];
        for (const [i, numbers] of actual.entries()) {
          expect(relativeError(numbers, expected[i]!)).toBeLessThan(TOLERANCE);
        }
      }),
      { numRuns: RUNS, seed: 1 },
    );
  });

  test('the gradient of the filters takes any number of pixels, and patches by blocks of rows', async () => {
    for (const [shape, filter, stride] of [
      [[1, 40, 33, 9], [1, 1, 9, 17], 1],
      [[2, 16, 16, 4], [1, 1, 4, 8], 1],
      [[1, 121, 90, 3], [3, 3, 3, 8], 2],
      [[1, 70, 70, 24], [3, 3, 24, 5], 1],
    ] as const) {
      const conv = (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, stride, 'same');
      const inputs = [
        { shape: [...shape] as Shape4D, seed: 1 },
        { shape: [...filter] as Shape4D, seed: 2 },
      ];
      const [, expected] = await on('cpu', () => gradientsOf(conv, inputs));
      const [, actual] = await on('wasm', () => gradientsOf(conv, inputs));
      expect(relativeError(actual!, expected!)).toBeLessThan(TOLERANCE);
    }
  });

  test('filters that are not square are left to the composed kernels', async () => {
    const conv = (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.conv2d(x, filter, [1, 2], 'same');
    const inputs = [
      { shape: [2, 7, 8, 3] as Shape4D, seed: 1 },
      { shape: [3, 1, 3, 5] as Shape4D, seed: 2 },
    ];
    const expected = await on('cpu', () => gradientsOf(conv, inputs));
    const actual = await on('wasm', () => gradientsOf(conv, inputs));
    for (const [i, numbers] of actual.entries()) {
      expect(relativeError(numbers, expected[i]!)).toBeLessThan(TOLERANCE);
    }
  });
});

describe('depthwise convolution', () => {
  test('gradients agree with the definition, dilated or strided', async () => {
    const cases = fc.record({
      height: fc.integer({ min: 3, max: 24 }),
      width: fc.integer({ min: 3, max: 40 }),
      depth: channels,
      batch: fc.integer({ min: 1, max: 3 }),
      size: fc.constantFrom(1, 3, 3, 5),
      // tfjs takes either a stride or a dilation.
      spacing: fc.oneof(
        fc.record({ stride: fc.constantFrom<1 | 2 | 3>(1, 2, 3), dilation: fc.constant(1) }),
        fc.record({ stride: fc.constant<1>(1), dilation: fc.constantFrom(2, 3, 6, 12, 18) }),
      ),
      pad: fc.constantFrom<'same' | 'valid' | 1>('same', 'valid', 1),
      seed: fc.integer({ min: 0, max: 1000 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ height, width, depth, batch, size, spacing, pad, seed }) => {
        const { stride, dilation } = spacing;
        const extent = (size - 1) * dilation + 1;
        fc.pre(pad === 'same' || extent <= Math.min(height, width) + (pad === 1 ? 2 : 0));
        const shape: Shape4D = [batch, height, width, depth];
        const [dx, dw] = await on('wasm', () =>
          gradientsOf(
            (x, filter) => tf.depthwiseConv2d(x, filter, stride, pad, 'NHWC', dilation),
            [
              { shape, seed },
              { shape: [size, size, depth, 1], seed: seed + 1 },
            ],
          ),
        );
        const [directDx, directDw] = directDepthwiseGradients(shape, size, { stride, dilation, pad, seed });
        expect(relativeError(dx!, directDx)).toBeLessThan(TOLERANCE);
        expect(relativeError(dw!, directDw)).toBeLessThan(TOLERANCE);
      }),
      { numRuns: 2 * RUNS, seed: 2 },
    );
  });
});

test('the kernels that were replaced can be put back', async () => {
  await tf.setBackend('wasm');
  const names = [tf.Conv2D, tf.Conv2DBackpropFilter, tf.DepthwiseConv2dNativeBackpropFilter];
  const current = () => names.map((name) => tf.getKernel(name, 'wasm').kernelFunc);
  const fast = current();
  const restore = registerFastConvolutions();
  expect(current()).toEqual(fast);
  restore();
  const slow = current();
  expect(slow.some((kernel, i) => kernel === fast[i])).toBe(false);
  registerFastConvolutions()();
  expect(current()).toEqual(slow);
  registerFastConvolutions();
});
