import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBackend } from '../../src/model/backend.js';
import {
  type DeepLabConfig,
  featureChannels,
  features,
  logits,
  parameterSpecs,
} from '../../src/model/deeplab.js';
import { drawMasks } from '../../src/model/dropout.js';
import { FoldedLayers } from '../../src/model/inference/folded-layers.js';
import { initialNetwork } from '../../src/model/network.js';
import { random } from '../../src/random.js';
import { ReferenceLayers } from './reference-layers.js';
import { randomTensor, relativeError, trainedLookingNetwork } from './support.js';

beforeAll(async () => {
  await startBackend('wasm');
});

describe('parameters', () => {
  const count = (config: DeepLabConfig) =>
    parameterSpecs(config)
      .filter(({ role }) => role !== 'mean' && role !== 'variance')
      .reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);

  test('the full-width backbone is MobileNetV2: 1 811 712 parameters up to its 320 channels', () => {
    const specs = parameterSpecs({ width: 1, head: 'full', classes: 13 });
    const backbone = specs.filter(
      ({ name, role }) => name.startsWith('backbone/') && role !== 'mean' && role !== 'variance',
    );
    const size = backbone.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);
    // torchvision's mobilenet_v2 has 3 504 872: less its last 1×1 convolution 320 → 1280 with batch norm
    // (412 160) and its classifier (1 281 000).
    expect(size).toBe(3_504_872 - 412_160 - 1_281_000);
  });

  test('width and head change their sizes', () => {
    expect(count({ width: 0.35, head: 'slim', classes: 13 })).toBeLessThan(500_000);
    expect(count({ width: 1, head: 'full', classes: 13 })).toBeGreaterThan(2_500_000);
    expect(featureChannels({ width: 0.35, head: 'slim', classes: 13 })).toEqual({ high: 112, low: 8 });
    expect(featureChannels({ width: 1, head: 'full', classes: 13 })).toEqual({ high: 320, low: 24 });
  });

  test('names are unique and stable', () => {
    const names = parameterSpecs({ width: 1, head: 'slim', classes: 40 }).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => name.endsWith('/weights')).map((name) => name.slice(0, -8))).toEqual([
      'backbone/stem',
      'backbone/b0/depthwise',
      'backbone/b0/project',
      ...Array.from({ length: 16 }, (_, i) =>
        ['expand', 'depthwise', 'project'].map((part) => `backbone/b${i + 1}/${part}`),
      ).flat(),
      'aspp/point',
      ...[6, 12, 18].flatMap((rate) => [`aspp/rate${rate}/depthwise`, `aspp/rate${rate}/point`]),
      'aspp/pool',
      'aspp/project',
      'decoder/low',
      ...[1, 2].flatMap((i) => [`decoder/refine${i}/depthwise`, `decoder/refine${i}/point`]),
      'classifier',
    ]);
  });

  test('initial weights have the variance of Kaiming, and follow the seed', () => {
    const config = { width: 1, head: 'full', classes: 2 } as const;
    const [one, again, other] = [7, 7, 8].map((seed) => initialNetwork(config, ['a', 'b'], seed).tensors);
    const weights = one!.get('aspp/project/weights')!.data;
    const variance = weights.reduce((sum, w) => sum + w * w, 0) / weights.length;
    expect(variance / (2 / 1280)).toBeCloseTo(1, 1);
    expect(again!.get('aspp/project/weights')!.data).toEqual(weights);
    expect(other!.get('aspp/project/weights')!.data).not.toEqual(weights);
  });
});

describe('graph', () => {
  const network = trainedLookingNetwork(5);

  test.each([
    [64, 96],
    [50, 37],
    [16, 16],
    [33, 121],
  ])('folded layers give what plain layers give, at %i×%i', (height, width) => {
    const before = tf.memory().numTensors;
    const folded = new FoldedLayers(network.tensors);
    const [actual, expected] = [folded, new ReferenceLayers(network)].map((layers) =>
      tf.tidy(() => {
        const x = randomTensor([2, height, width, 3], 3);
        const masks = drawMasks(network.config, [random(4), random(5)]);
        return logits(layers, features(layers, network.config, x), masks);
      }),
    );
    expect(actual!.shape).toEqual([2, Math.ceil(height / 4), Math.ceil(width / 4), 5]);
    expect(relativeError(actual!.dataSync(), expected!.dataSync())).toBeLessThan(1e-4);
    tf.dispose([actual!, expected!]);
    folded.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('dropping channels commutes with what is done before the draws', () => {
    // The published order: drop the backbone's output first, filter and pool what is left.
    const layers = new ReferenceLayers(network);
    const [actual, expected] = tf.tidy(() => {
      const { high, low } = features(layers, network.config, randomTensor([1, 64, 96, 3], 3));
      const masks = drawMasks(network.config, [random(4)]);
      const dropped = tf.mul<tf.Tensor4D>(high[0]!, masks.high);
      const rates = [6, 12, 18].flatMap((rate) =>
        layers.filter(`aspp/rate${rate}/depthwise`, [dropped], rate),
      );
      const published = [dropped, ...rates, tf.mean<tf.Tensor4D>(dropped, [1, 2], true)];
      return [
        logits(layers, { high, low }, masks),
        logits(layers, { high: published, low: tf.mul(low, masks.low) }),
      ];
    });
    expect(relativeError(actual!.dataSync(), expected!.dataSync())).toBeLessThan(1e-6);
    tf.dispose([actual!, expected!]);
  });
});

describe('dropout masks', () => {
  test('drop a quarter of the channels, image by image, and keep the expectation', () => {
    const config = { width: 1, head: 'slim', classes: 2 } as const;
    const { high, low } = drawMasks(
      config,
      Array.from({ length: 50 }, (_, i) => random(i)),
    );
    expect([high.shape, low.shape]).toEqual([
      [50, 1, 1, 320],
      [50, 1, 1, 24],
    ]);
    for (const mask of [high, low]) {
      const values = mask.dataSync<'float32'>();
      expect([...new Set(values)].sort()).toEqual([0, Math.fround(4 / 3)]);
      expect(values.reduce((sum, v) => sum + v, 0) / values.length).toBeCloseTo(1, 1);
    }
    expect(high.arraySync()[0]).not.toEqual(high.arraySync()[1]);
    tf.dispose([high, low]);
  });
});
