import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBackend } from '../../src/model/backend.js';
import { upsample4 } from '../../src/model/deeplab.js';
import { type LinkedKernels, linkKernels } from '../../src/model/kernels/link.js';
import { isPointwise, packFilters, pointwiseConv } from '../../src/model/kernels/pointwise.js';
import { registerUpsampling } from '../../src/model/kernels/upsample.js';
import { registerGradients } from '../../src/model/training/gradients.js';
import { gradientsOf, randomTensor, randomValues, relativeError } from './support.js';

let kernels: LinkedKernels;

beforeAll(async () => {
  await startBackend('cpu');
  registerGradients('cpu');
  await startBackend('wasm');
  registerGradients('wasm');
  kernels = linkKernels();
  registerUpsampling();
});

async function onCpu<T>(compute: () => T): Promise<T> {
  await startBackend('cpu');
  try {
    return compute();
  } finally {
    await startBackend('wasm');
  }
}

describe('1×1 convolution', () => {
  const activations = {
    linear: (x: number) => x,
    relu: (x: number) => Math.max(0, x),
    relu6: (x: number) => Math.min(6, Math.max(0, x)),
  };

  test('is the activation of bias and products, for any number of pixels and inputs', () => {
    const part = fc.record({ channels: fc.integer({ min: 1, max: 40 }), isConstant: fc.boolean() });
    const shape = fc.record({
      images: fc.integer({ min: 1, max: 2 }),
      height: fc.integer({ min: 1, max: 5 }),
      width: fc.integer({ min: 1, max: 9 }),
      parts: fc.array(part, { minLength: 1, maxLength: 4 }),
      panels: fc.integer({ min: 1, max: 6 }),
      activation: fc.constantFrom('linear' as const, 'relu' as const, 'relu6' as const),
    });
    fc.assert(
      fc.property(shape, fc.nat(1e6), ({ images, height, width, parts, panels, activation }, seed) => {
        const before = tf.memory().numTensors;
        const outputs = 8 * panels;
        // The first input has the full size, as one at least does.
        const inputs = parts.map(({ channels, isConstant }, i) => {
          const [h, w] = isConstant && i > 0 ? [1, 1] : [height, width];
          return { h, w, channels, values: randomValues(images * h * w * channels, seed + i) };
        });
        const filters = inputs.map(({ channels }, i) => randomValues(channels * outputs, seed + 10 + i));
        const bias = randomValues(outputs, seed + 20);
        const expected: number[] = [];
        for (let pixel = 0; pixel < images * height * width; pixel++) {
          const image = Math.floor(pixel / (height * width));
          for (let o = 0; o < outputs; o++) {
            let sum = bias[o]!;
            for (const [i, { h, w, channels, values }] of inputs.entries()) {
              const at = h * w === height * width ? pixel : image;
              for (let c = 0; c < channels; c++) {
                sum += values[at * channels + c]! * filters[i]![c * outputs + o]!;
              }
            }
            expected.push(activations[activation](sum));
          }
        }
        const actual = tf.tidy(() =>
          pointwiseConv(
            kernels,
            inputs.map(({ h, w, channels, values }) => tf.tensor4d(values, [images, h, w, channels])),
            inputs.map(({ channels }, i) => packFilters(tf.tensor4d(filters[i]!, [1, 1, channels, outputs]))),
            tf.tensor1d(bias),
            activation,
          ),
        );
        expect(actual.shape).toEqual([images, height, width, outputs]);
        expect(relativeError(actual.dataSync(), expected)).toBeLessThan(1e-6);
        actual.dispose();
        expect(tf.memory().numTensors).toBe(before);
      }),
      { numRuns: 80 },
    );
  });

  test('leaves to others filters of more than a pixel, or whose outputs do not come by eight', () => {
    expect(isPointwise([1, 1, 5, 24])).toBe(true);
    expect(isPointwise([1, 1, 8, 13])).toBe(false);
    expect(isPointwise([3, 3, 8, 8])).toBe(false);
  });
});

describe('upsampling by 4', () => {
  const shapes: [number, number, number, number][] = [
    [1, 1, 1, 4],
    [2, 3, 1, 8],
    [1, 1, 5, 12],
    [3, 4, 7, 20],
    // Not by fours: the stock kernel's.
    [2, 3, 4, 5],
  ];

  test.each(shapes)('%i×%i×%i×%i: forward and gradient as on the cpu backend', async (...shape) => {
    const [, h, w] = shape;
    for (const [height, width] of [
      [4 * h, 4 * w],
      [4 * h - 3, 4 * w - 1],
    ] as const) {
      const forward = () => {
        const [x, y] = tf.tidy(() => {
          const input = randomTensor(shape, 1);
          return [tf.keep(input), upsample4(input, height, width)];
        });
        const values = y!.dataSync();
        tf.dispose([x!, y!]);
        return values;
      };
      const backward = () => gradientsOf((x) => upsample4(x, height, width), [{ shape, seed: 1 }])[0]!;
      expect(relativeError(forward(), await onCpu(forward))).toBeLessThan(1e-6);
      expect(relativeError(backward(), await onCpu(backward))).toBeLessThan(1e-6);
    }
  });

  test('other resizing is left as it is', () => {
    const resize = (size: [number, number], align: boolean, halfPixel: boolean) =>
      tf.tidy(() => [
        ...tf.image.resizeBilinear(tf.tensor4d([0, 4], [1, 1, 2, 1]), size, align, halfPixel).dataSync(),
      ]);
    expect(resize([1, 4], false, false)).toEqual([0, 2, 4, 4]);
    expect(resize([1, 5], true, false)).toEqual([0, 1, 2, 3, 4]);
    const four = tf.tidy(() => [
      ...tf.image
        .resizeBilinear(tf.tensor4d([0, 0, 0, 0, 8, 8, 8, 8], [1, 1, 2, 4]), [4, 8], false, true)
        .dataSync(),
    ]);
    expect(four.filter((_, i) => i % 4 === 0).slice(0, 8)).toEqual([0, 0, 1, 3, 5, 7, 8, 8]);
  });
});
