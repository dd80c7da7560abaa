import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBackend } from '../../src/model/backend.js';
import { features, logits, upsample4 } from '../../src/model/deeplab.js';
import { drawMasks } from '../../src/model/dropout.js';
import { FoldedLayers } from '../../src/model/inference/folded-layers.js';
import { InferenceNetwork, normaliseColour } from '../../src/model/inference/inference.js';
import { McDropout, type McDropoutFrame } from '../../src/model/inference/mc-dropout.js';
import { initialNetwork } from '../../src/model/network.js';
import { halfValues, type ProbabilityMap, toHalves } from '../../src/model/probability-map.js';
import { random, seedOf } from '../../src/random.js';
import { ReferenceLayers } from './reference-layers.js';
import { randomColour, relativeError, trainedLookingNetwork } from './support.js';

const network = trainedLookingNetwork(5);
const frame: McDropoutFrame = { scene: 'a', id: '0', width: 70, height: 49, colour: randomColour(70, 49, 1) };

beforeAll(async () => {
  await startBackend('wasm');
});

function predict(of: McDropoutFrame, draws: number, seed: number): ProbabilityMap {
  const mcDropout = new McDropout(network, { draws, seed });
  const map = mcDropout.predict(of);
  mcDropout.dispose();
  return map;
}

function valuesOf({ data }: ProbabilityMap): Float32Array {
  const values = halfValues();
  return Float32Array.from(data, (half) => values[half]!);
}

/**
 * One whole pass with the masks of a draw, in the published order: backbone, dropout, then the head; the logits
 * upsampled pixel by pixel, then softmax.
 */
function wholePass(of: McDropoutFrame, seed: number, draw: number): Float64Array {
  const { width, height, scene, id, colour } = of;
  const classes = network.config.classes;
  const layers = new FoldedLayers(network.tensors);
  const small = tf.tidy(() => {
    const x = tf.tensor4d(Float32Array.from(colour, normaliseColour), [1, height, width, 3]);
    const masks = drawMasks(network.config, [random(seedOf(seed, scene, id, draw))]);
    const { high, low } = features(layers, network.config, x);
    const dropped = tf.mul<tf.Tensor4D>(high[0]!, masks.high);
    const rates = [6, 12, 18].flatMap((rate) => layers.filter(`aspp/rate${rate}/depthwise`, [dropped], rate));
    const pooled = tf.mean<tf.Tensor4D>(dropped, [1, 2], true);
    return logits(layers, { high: [dropped, ...rates, pooled], low: tf.mul(low, masks.low) });
  });
  layers.dispose();
  const [, rows, columns] = small.shape;
  const values = small.dataSync();
  small.dispose();
  const probabilities = new Float64Array(width * height * classes);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [top, left] = [Math.floor(y / 4), Math.floor(x / 4)];
      const [bottom, right] = [Math.min(top + 1, rows - 1), Math.min(left + 1, columns - 1)];
      const [down, across] = [(y % 4) / 4, (x % 4) / 4];
      const exponentials = Array.from({ length: classes }, (_, c) => {
        const at = (row: number, column: number) => values[(row * columns + column) * classes + c]!;
        const upper = at(top, left) * (1 - across) + at(top, right) * across;
        const lower = at(bottom, left) * (1 - across) + at(bottom, right) * across;
        return Math.exp(upper * (1 - down) + lower * down);
      });
      const sum = exponentials.reduce((a, b) => a + b, 0);
      probabilities.set(
        exponentials.map((e) => e / sum),
        (y * width + x) * classes,
      );
    }
  return probabilities;
}

test('a map is the mean of whole passes with the same masks', () => {
  const draws = 4;
  const mean = new Float64Array(70 * 49 * 5);
  for (let draw = 0; draw < draws; draw++) {
    for (const [i, p] of wholePass(frame, 9, draw).entries()) mean[i]! += p / draws;
  }
  const map = predict(frame, draws, 9);
  expect([map.width, map.height, map.classes]).toEqual([70, 49, 5]);
  // Halves have 11 significant bits.
  const values = valuesOf(map);
  for (let i = 0; i < mean.length; i++) expect(Math.abs(values[i]! - mean[i]!)).toBeLessThan(2 ** -11 * 1.01);
});

test('one backbone pass serves every draw: probabilities before rounding agree to 1e-6', () => {
  const inference = new InferenceNetwork(network);
  for (const draw of [0, 1, 2]) {
    const probabilities = tf.tidy(() => {
      const masks = drawMasks(network.config, [random(seedOf(9, 'a', '0', draw))]);
      return tf.softmax(upsample4(inference.logits(inference.features(frame), masks), 49, 70));
    });
    expect(relativeError(probabilities.dataSync(), wholePass(frame, 9, draw))).toBeLessThan(2e-6);
    probabilities.dispose();
  }
  inference.dispose();
});

test('masks follow seed, scene and frame', () => {
  const map = predict(frame, 2, 1).data;
  expect(predict(frame, 2, 1).data).toEqual(map);
  expect(predict({ ...frame, id: '1' }, 2, 1).data).not.toEqual(map);
  expect(predict({ ...frame, scene: 'b' }, 2, 1).data).not.toEqual(map);
  expect(predict(frame, 2, 2).data).not.toEqual(map);
});

test('every pixel sums to 1', () => {
  const values = valuesOf(predict(frame, 3, 1));
  for (let pixel = 0; pixel < 70 * 49; pixel++) {
    const sum = values.subarray(pixel * 5, pixel * 5 + 5).reduce((a, b) => a + b, 0);
    expect(Math.abs(sum - 1)).toBeLessThan(5 * 2 ** -11);
  }
});

test('frames come and go without leaving a tensor', () => {
  const before = tf.memory().numTensors;
  const mcDropout = new McDropout(network, { draws: 2, seed: 1 });
  mcDropout.predict(frame);
  const held = tf.memory().numTensors;
  for (let i = 0; i < 5; i++) mcDropout.predict({ ...frame, id: `${i}` });
  expect(tf.memory().numTensors).toBe(held);
  mcDropout.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

describe('no draws', () => {
  test('give the softmax of the logits without dropout, at full resolution and half precision', () => {
    const inference = new InferenceNetwork(network);
    const probabilities = tf.tidy(() =>
      tf.softmax(upsample4(inference.logits(inference.features(frame)), 49, 70)),
    );
    const expected = toHalves(probabilities.dataSync<'float32'>());
    probabilities.dispose();
    inference.dispose();
    const { data, ...rest } = predict(frame, 0, 1);
    expect(rest).toEqual({ width: 70, height: 49, classes: 5 });
    expect(data.length).toBe(expected.length);
    // Sums in another order may round to the neighbouring half.
    for (const [i, half] of data.entries()) expect(Math.abs(half - expected[i]!)).toBeLessThanOrEqual(1);
  });

  test('leave nothing to chance: the same for every seed and name, and not one draw', () => {
    const { data } = predict(frame, 0, 1);
    expect(predict(frame, 0, 2).data).toEqual(data);
    expect(predict({ ...frame, scene: 'b', id: '9' }, 0, 1).data).toEqual(data);
    expect(predict(frame, 1, 1).data).not.toEqual(data);
  });
});

describe('features', () => {
  /** Plain layers that keep what the classifier is given. */
  class WatchedLayers extends ReferenceLayers {
    seen: { shape: number[]; values: Float32Array } | undefined;

    override linear(name: string, x: tf.Tensor4D): tf.Tensor4D {
      expect(name).toBe('classifier');
      this.seen = { shape: x.shape, values: x.dataSync<'float32'>() };
      return super.linear(name, x);
    }
  }

  const full = initialNetwork({ width: 0.35, head: 'full', classes: 2 }, ['a', 'b'], 3);
  test.each([
    ['slim', network, 64],
    ['full', full, 256],
  ])('of the %s head are the means of what the classifier is given', (_, of, channels) => {
    const layers = new WatchedLayers(of);
    tf.tidy(() => {
      const x = tf.tensor4d(Float32Array.from(frame.colour, normaliseColour), [1, 49, 70, 3]);
      return logits(layers, features(layers, of.config, x));
    }).dispose();
    const { shape, values } = layers.seen!;
    expect(shape).toEqual([1, 13, 18, channels]);
    const means = new Float64Array(channels);
    for (const [i, value] of values.entries()) means[i % channels]! += value / (13 * 18);
    const before = tf.memory().numTensors;
    const inference = new InferenceNetwork(of);
    const described = inference.describe(frame);
    const held = tf.memory().numTensors;
    expect(inference.describe(frame)).toEqual(described);
    expect(tf.memory().numTensors).toBe(held);
    inference.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(new Set(described).size).toBeGreaterThan(channels / 4);
    expect(relativeError(described, means)).toBeLessThan(1e-5);
  });
});

test('colour of another size than the frame is refused', () => {
  expect(() => predict({ ...frame, width: 71 }, 1, 1)).toThrow('expected 71×49×3 bytes of colour, got 10290');
});
