import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { startBackend } from '../../src/model/backend.js';
import { createSegmenter } from '../../src/model/inference/create-segmenter.js';
import { McDropout } from '../../src/model/inference/mc-dropout.js';
import type { Model } from '../../src/model/inference/model-folder.js';
import { segmenterKey } from '../../src/model/inference/segmenter-key.js';
import { initialNetwork, type Network } from '../../src/model/network.js';
import { halfValues } from '../../src/model/probability-map.js';
import { trainingOps } from '../../src/model/training/engine.js';
import { alone } from '../../src/model/training/exchange.js';
import { registerGradients } from '../../src/model/training/gradients.js';
import { QUICK_RECIPE } from '../../src/model/training/recipe.js';
import { Replica } from '../../src/model/training/replica.js';
import { initialState } from '../../src/model/training/state.js';
import { Trainer } from '../../src/model/training/trainer.js';
import { directDepthwiseGradients } from './direct-depthwise.js';
import {
  colourFrame,
  gradientsOf,
  randomColour,
  randomValues,
  relativeError,
  trainedLookingNetwork,
} from './support.js';
import { missing, where } from './tensorflow-setting.js';

type Shape4D = [number, number, number, number];
type Pad = 'same' | 'valid' | 1;

/** What two backends may differ by: rounding of float32, in another order of sums. */
const TOLERANCE = 1e-5;
/** Largest difference, as a share of what is largest, or of 1 where all are smaller: sums of few terms may cancel. */
function apart(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  return relativeError([...Array.from(actual), 1], [...Array.from(expected), 1]);
}

/** The step of halves above ½. */
const STEP = 2 ** -11;

const network = trainedLookingNetwork(5);
const frame = (id: number) => colourFrame(`${id}`, { width: 70, height: 49 });

describe.skipIf(missing !== undefined)(`native TensorFlow, ${where}`, () => {
  beforeAll(async () => {
    for (const name of ['wasm', 'cpu', 'tensorflow'] as const) await startBackend(name);
    for (const name of ['cpu', 'tensorflow'] as const) registerGradients(name);
  });

  test('starts, again too, computes and prints nothing', async () => {
    const printed = (['log', 'info', 'warn', 'error'] as const).map((method) => vi.spyOn(console, method));
    await startBackend('tensorflow');
    await startBackend('tensorflow');
    expect(tf.getBackend()).toBe('tensorflow');
    expect([...tf.tidy(() => tf.add(tf.tensor1d([1, 2]), 1).dataSync())]).toEqual([2, 3]);
    for (const method of printed) expect(method).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  describe('convolutions', () => {
    const cases = fc.record({
      height: fc.integer({ min: 3, max: 16 }),
      width: fc.integer({ min: 3, max: 16 }),
      depth: fc.integer({ min: 1, max: 12 }),
      batch: fc.integer({ min: 1, max: 3 }),
      size: fc.constantFrom(1, 3, 5),
      spacing: fc.oneof(
        fc.record({ stride: fc.constantFrom<1 | 2 | 3>(1, 2, 3), dilation: fc.constant(1) }),
        fc.record({ stride: fc.constant<1>(1), dilation: fc.constantFrom(2, 3, 6, 12, 18) }),
      ),
      pad: fc.constantFrom<Pad>('same', 'valid', 1),
      seed: fc.integer({ min: 0, max: 1000 }),
    });
    type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;
    const fits = ({ height, width, size, spacing, pad }: Case) =>
      pad === 'same' || (size - 1) * spacing.dilation + 1 <= Math.min(height, width) + (pad === 1 ? 2 : 0);

    async function on<T>(backend: string, compute: () => T): Promise<T> {
      await tf.setBackend(backend);
      const before = tf.memory().numTensors;
      const result = compute();
      expect(tf.memory().numTensors).toBe(before);
      return result;
    }

    test('give the values of the cpu backend, fused too, however padded', async () => {
      await fc.assert(
        fc.asyncProperty(cases, async (drawn) => {
          fc.pre(fits(drawn));
          const { height, width, depth, batch, size, spacing, pad, seed } = drawn;
          const { stride, dilation } = spacing;
          const compute = () =>
            tf.tidy(() => {
              const x = tf.tensor4d(randomValues(batch * height * width * depth, seed), [
                batch,
                height,
                width,
                depth,
              ]);
              const filter = tf.tensor4d(randomValues(size * size * depth * 4, 1), [size, size, depth, 4]);
              const own = tf.tensor4d(randomValues(size * size * depth, 2), [size, size, depth, 1]);
              const options = { strides: stride, pad, dilations: dilation } as const;
              const results = [
                tf.depthwiseConv2d(x, own, stride, pad, 'NHWC', dilation),
                tf.fused.depthwiseConv2d({
                  ...{ x, filter: own, ...options },
                  bias: tf.tensor1d(randomValues(depth, 4)),
                  activation: 'relu6',
                }),
              ];
              if (dilation === 1)
                results.push(
                  tf.conv2d(x, filter, stride, pad),
                  tf.fused.conv2d({
                    ...{ x, filter, ...options },
                    bias: tf.tensor1d(randomValues(4, 3)),
                    activation: 'relu',
                  }),
                );
              return results.map((y) => [...y.shape, ...y.dataSync()]);
            });
          const actual = await on('tensorflow', compute);
          const expected = await on('cpu', compute);
          for (const [i, y] of actual.entries()) expect(apart(y, expected[i]!)).toBeLessThan(TOLERANCE);
        }),
        { numRuns: 60 },
      );
    });

    test('have the gradients of the cpu backend', async () => {
      await fc.assert(
        fc.asyncProperty(cases, async (drawn) => {
          const { height, width, depth, batch, size, spacing, pad, seed } = drawn;
          fc.pre(fits({ ...drawn, spacing: { stride: 1, dilation: 1 } }));
          const conv = (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.conv2d(x, filter, spacing.stride, pad);
          const inputs = [
            { shape: [batch, height, width, depth] as Shape4D, seed },
            { shape: [size, size, depth, 3] as Shape4D, seed: seed + 1 },
          ];
          const [dx, dw] = await on('tensorflow', () => gradientsOf(conv, inputs));
          const [cpuDx, cpuDw] = await on('cpu', () => gradientsOf(conv, inputs));
          expect(apart(dx!, cpuDx!)).toBeLessThan(TOLERANCE);
          expect(apart(dw!, cpuDw!)).toBeLessThan(TOLERANCE);
        }),
        { numRuns: 40 },
      );
    });

    test('depthwise have the gradients of the definition, dilated or strided', async () => {
      await fc.assert(
        fc.asyncProperty(cases, async (drawn) => {
          fc.pre(fits(drawn));
          const { height, width, depth, batch, size, spacing, pad, seed } = drawn;
          const { stride, dilation } = spacing;
          const shape: Shape4D = [batch, height, width, depth];
          const [dx, dw] = await on('tensorflow', () =>
            gradientsOf(
              (x, filter) => tf.depthwiseConv2d(x, filter, stride, pad, 'NHWC', dilation),
              [
                { shape, seed },
                { shape: [size, size, depth, 1], seed: seed + 1 },
              ],
            ),
          );
          const [directDx, directDw] = directDepthwiseGradients(shape, size, { stride, dilation, pad, seed });
          expect(apart(dx!, directDx)).toBeLessThan(TOLERANCE);
          expect(apart(dw!, directDw)).toBeLessThan(TOLERANCE);
        }),
        { numRuns: 60 },
      );
    });
  });

  describe('inference', () => {
    async function mapOn(backend: 'wasm' | 'tensorflow', of: Network, draws: number, id = 0) {
      await startBackend(backend);
      const before = tf.memory().numTensors;
      const mcDropout = new McDropout(of, { draws, seed: 5 });
      const { data } = mcDropout.predict(frame(id));
      const features = mcDropout.inference.describe(frame(id));
      mcDropout.dispose();
      expect(tf.memory().numTensors).toBe(before);
      const values = halfValues();
      return { data, features, probabilities: Float32Array.from(data, (half) => values[half]!) };
    }

    test.each([
      ['slim', 0, network],
      ['slim', 3, network],
      ['full', 2, initialNetwork({ width: 1, head: 'full', classes: 5 }, network.classNames, 3)],
    ] as const)(
      'of the %s head with %i draws gives the probabilities of wasm, to a step of halves',
      async (_, draws, of) => {
        const native = await mapOn('tensorflow', of, draws);
        const wasm = await mapOn('wasm', of, draws);
        const apart = native.probabilities.map((p, i) => Math.abs(p - wasm.probabilities[i]!));
        expect(Math.max(...apart)).toBeLessThanOrEqual(STEP);
        expect(relativeError(native.features, wasm.features)).toBeLessThan(TOLERANCE);
      },
    );

    test('is by one worker, which gives what this thread does', async () => {
      const model: Model = { kind: 'deeplab', network };
      const options = { draws: 2, seed: 5 };
      const segmenter = await createSegmenter({ model, ...options, workers: 3, backend: 'tensorflow' });
      const maps = await Promise.all([0, 1, 2].map((id) => segmenter.predict(frame(id))));
      const features = await segmenter.describe(frame(1));
      const broken = segmenter.predict({ ...frame(1), colour: new Uint8Array(5) });
      await expect(broken).rejects.toThrow('a/1: expected 70×49×3 bytes of colour, got 5');
      const unfinished = segmenter.predict(frame(0));
      await Promise.all([expect(unfinished).rejects.toThrow('the segmenter is closed'), segmenter.close()]);
      for (const [id, { data }] of maps.entries())
        expect(data).toEqual((await mapOn('tensorflow', network, 2, id)).data);
      expect(features).toEqual((await mapOn('tensorflow', network, 2, 1)).features);
      expect(segmenter.concurrency).toBe(1);
      expect(segmenter.key).toBe(segmenterKey(model, options, 'tensorflow'));
    });
  });

  describe('training', () => {
    const images = [1, 2, 3].map((seed) => {
      const [width, height] = [96, 72];
      const labels = new Uint8Array(width * height);
      const colour = randomColour(width, height, seed);
      // The left half is darker: something to learn.
      for (let i = 0; i < labels.length; i++) {
        labels[i] = i % width < width / 2 ? 0 : 1;
        if (labels[i] === 0) for (let c = 0; c < 3; c++) colour[3 * i + c]! >>= 2;
      }
      return { width, height, colour, labels };
    });
    const names = ['dark', 'light'];
    const start = initialNetwork({ width: 0.35, head: 'slim', classes: 2 }, names, 4);
    const recipe = { ...QUICK_RECIPE, batch: 2, crop: { width: 64, height: 48 }, steps: 40 };

    test('leaves no tensor behind', async () => {
      await startBackend('tensorflow');
      const before = tf.memory().numTensors;
      const exchange = alone(recipe.batch);
      const state = initialState(start, recipe, images.length);
      const replica = new Replica(state, trainingOps('tensorflow', exchange), exchange);
      const samples = [0, 1].map((index) => ({ number: index, index, image: images[index]! }));
      await replica.step(samples, 0.01);
      const held = tf.memory().numTensors;
      await replica.step(samples, 0.01);
      await replica.evaluate(images);
      await replica.step(samples, 0.01);
      expect(tf.memory().numTensors).toBe(held);
      await replica.close();
      expect(tf.memory().numTensors).toBe(before);
    });

    test('learns, in a worker, from the loss that wasm starts from', async () => {
      const run = async (backend: 'wasm' | 'tensorflow', steps: number) => {
        const set = { count: images.length, load: async (i: number) => images[i]! };
        const state = initialState(start, { ...recipe, steps }, images.length);
        const trainer = await Trainer.open(state, set, undefined, { backend });
        const losses: number[] = [];
        for await (const { loss } of trainer.run()) losses.push(loss);
        await trainer.close();
        return losses;
      };
      const losses = await run('tensorflow', recipe.steps);
      expect(Math.abs(losses[0]! / (await run('wasm', 1))[0]! - 1)).toBeLessThan(1e-4);
      const late = losses.slice(-10).reduce((sum, loss) => sum + loss / 10, 0);
      expect(late).toBeLessThan(losses[0]! / 2);
    });
  });
});
