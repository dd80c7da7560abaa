import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBackend } from '../../src/model/backend.js';
import { upsample4 } from '../../src/model/deeplab.js';
import { registerGradients } from '../../src/model/training/gradients.js';
import { directDepthwiseGradients } from './direct-depthwise.js';
import { gradientsOf, randomValues, relativeError } from './support.js';

const TOLERANCE = 1e-5;
const RUNS = 40;

type Shape4D = [number, number, number, number];

beforeAll(async () => {
  await startBackend('wasm');
  registerGradients('wasm');
});

async function gradientsOn(backend: 'wasm' | 'cpu', ...args: Parameters<typeof gradientsOf>) {
  await tf.setBackend(backend);
  const before = tf.memory().numTensors;
  const gradients = gradientsOf(...args);
  expect(tf.memory().numTensors).toBe(before);
  return gradients;
}

const channels = fc.integer({ min: 1, max: 12 });

describe('convolution', () => {
  test('gradients agree with the cpu backend', async () => {
    const cases = fc.record({
      height: fc.integer({ min: 5, max: 15 }),
      width: fc.integer({ min: 5, max: 15 }),
      input: channels,
      output: channels,
      batch: fc.integer({ min: 1, max: 3 }),
      size: fc.constantFrom(1, 3, 5),
      stride: fc.constantFrom<1 | 2 | 3>(1, 2, 3),
      pad: fc.constantFrom<'same' | 'valid' | 1>('same', 'valid', 1),
      seed: fc.integer({ min: 0, max: 1000 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ height, width, input, output, batch, size, stride, pad, seed }) => {
        const conv = (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.conv2d(x, filter, stride, pad);
        const inputs = [
          { shape: [batch, height, width, input] as Shape4D, seed },
          { shape: [size, size, input, output] as Shape4D, seed: seed + 1 },
        ];
        const [dx, dw] = await gradientsOn('wasm', conv, inputs);
        const [cpuDx, cpuDw] = await gradientsOn('cpu', conv, inputs);
        expect(relativeError(dx!, cpuDx!)).toBeLessThan(TOLERANCE);
        expect(relativeError(dw!, cpuDw!)).toBeLessThan(TOLERANCE);
      }),
      { numRuns: RUNS, seed: 1 },
    );
  });
});

describe('depthwise convolution', () => {
  for (const backend of ['wasm', 'cpu'] as const) {
    test(`gradients on ${backend} agree with the definition, dilated or strided`, async () => {
      registerGradients(backend);
      const cases = fc.record({
        height: fc.integer({ min: 3, max: 16 }),
        width: fc.integer({ min: 3, max: 16 }),
        depth: channels,
        batch: fc.integer({ min: 1, max: 3 }),
        size: fc.constantFrom(1, 3, 5),
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
          const margin = pad === 1 ? 2 : 0;
          fc.pre(pad === 'same' || extent <= Math.min(height, width) + margin);
          const shape: Shape4D = [batch, height, width, depth];
          const [dx, dw] = await gradientsOn(
            backend,
            (x, filter) => tf.depthwiseConv2d(x, filter, stride, pad, 'NHWC', dilation),
            [
              { shape, seed },
              { shape: [size, size, depth, 1], seed: seed + 1 },
            ],
          );
          const [directDx, directDw] = directDepthwiseGradients(shape, size, { stride, dilation, pad, seed });
          expect(relativeError(dx!, directDx)).toBeLessThan(TOLERANCE);
          expect(relativeError(dw!, directDw)).toBeLessThan(TOLERANCE);
        }),
        { numRuns: RUNS, seed: 2 },
      );
    });
  }

  test('more than one filter a channel is refused', async () => {
    await tf.setBackend('wasm');
    expect(() =>
      gradientsOf(
        (x, filter) => tf.depthwiseConv2d(x, filter, 1, 'same'),
        [
          { shape: [1, 4, 4, 2], seed: 1 },
          { shape: [3, 3, 2, 2], seed: 2 },
        ],
      ),
    ).toThrow('one filter per channel');
  });
});

describe('upsampling by 4', () => {
  /** Interpolation weights of every large pixel: small pixel i lies at large pixel 4i, beyond the last it holds. */
  function weightsAlong(small: number, large: number): number[][] {
    return Array.from({ length: large }, (_, at) => {
      const weights = new Array<number>(small).fill(0);
      const low = Math.floor(at / 4);
      const fraction = at / 4 - low;
      weights[low]! += 1 - fraction;
      weights[Math.min(low + 1, small - 1)]! += fraction;
      return weights;
    });
  }

  test.each([
    [4, 5, 16, 20],
    [5, 3, 17, 9],
    [1, 1, 4, 4],
    [2, 8, 6, 31],
  ])('%i×%i to %i×%i: values and gradient are those of the interpolation', async (h, w, height, width) => {
    await tf.setBackend('wasm');
    const rows = weightsAlong(h, height);
    const columns = weightsAlong(w, width);
    const x = randomValues(2 * h * w * 3, 5);
    const dy = randomValues(2 * height * width * 3, 77);
    const y = new Float64Array(dy.length);
    const dx = new Float64Array(x.length);
    for (let n = 0; n < 2; n++)
      for (let i = 0; i < height; i++)
        for (let j = 0; j < width; j++)
          for (let a = 0; a < h; a++)
            for (let b = 0; b < w; b++)
              for (let c = 0; c < 3; c++) {
                const weight = rows[i]![a]! * columns[j]![b]!;
                const large = ((n * height + i) * width + j) * 3 + c;
                const small = ((n * h + a) * w + b) * 3 + c;
                y[large]! += weight * x[small]!;
                dx[small]! += weight * dy[large]!;
              }
    const upsampled = tf.tidy(() => upsample4(tf.tensor4d(x, [2, h, w, 3]), height, width));
    expect(upsampled.shape).toEqual([2, height, width, 3]);
    expect(relativeError(upsampled.dataSync(), y)).toBeLessThan(TOLERANCE);
    upsampled.dispose();
    registerGradients('cpu');
    for (const backend of ['wasm', 'cpu'] as const) {
      const [gradient] = await gradientsOn(backend, (t) => upsample4(t, height, width), [
        { shape: [2, h, w, 3], seed: 5 },
      ]);
      expect(relativeError(gradient!, dx)).toBeLessThan(TOLERANCE);
    }
  });
});

describe('replaced wasm kernels', () => {
  test('slices of any rank and place equal those of the cpu backend', async () => {
    const axis = fc
      .record({ length: fc.integer({ min: 1, max: 6 }), a: fc.nat(5), b: fc.nat(5) })
      .map(({ length, a, b }) => {
        const [begin, end] = [a % length, b % length].sort((p, q) => p - q) as [number, number];
        return { length, begin, size: end - begin + 1 };
      });
    const axes = fc.array(axis, { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        axes,
        fc.constantFrom<'float32' | 'int32'>('float32', 'int32'),
        async (dims, dtype) => {
          const shape = dims.map(({ length }) => length);
          const values = Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => i);
          const cut = async (backend: string) => {
            await tf.setBackend(backend);
            return tf.tidy(() =>
              tf
                .slice(
                  tf.tensor(values, shape, dtype),
                  dims.map(({ begin }) => begin),
                  dims.map(({ size }) => size),
                )
                .arraySync(),
            );
          };
          expect(await cut('wasm')).toEqual(await cut('cpu'));
        },
      ),
      { numRuns: 100, seed: 3 },
    );
  });

  test('a clone outlives its original, and the last of them frees the memory', async () => {
    await tf.setBackend('wasm');
    const before = tf.memory();
    const original = tf.tensor1d([1, 2, 3]);
    const clone = tf.clone(original);
    original.dispose();
    expect([...clone.dataSync()]).toEqual([1, 2, 3]);
    clone.dispose();
    expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
  });
});
