import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBackend } from '../../../src/model/backend.js';
import { BATCH_NORM_EPSILON, features } from '../../../src/model/deeplab.js';
import { FoldedLayers } from '../../../src/model/inference/folded-layers.js';
import { initialNetwork, type Network } from '../../../src/model/network.js';
import { TrainingLayers } from '../../../src/model/training/training-layers.js';
import { composedOps } from '../../../src/model/training/training-ops.js';
import type { Backbone } from '../../../src/model/weights/backbone.js';
import { initialiseFrom } from '../../../src/model/weights/initialise.js';
import { type CalibrationImage, unfoldBatchNorm } from '../../../src/model/weights/unfold-batch-norm.js';
import { randomValues, relativeError } from '../support.js';
import { fold, testNetwork } from './source-network.js';

beforeAll(() => startBackend('wasm'));

const source = testNetwork();

/** The test network's backbone as a file with folded batch norm gives it. */
function foldedNetwork(): Network {
  const tensors = new Map(source.network.tensors);
  for (const layer of source.layers.filter(({ target }) => target !== 'top')) {
    const { weights, bias } = fold(layer);
    const channels = bias.length;
    const vector = (role: string, data: Float32Array) =>
      tensors.set(`${layer.target}/${role}`, { shape: [channels], data });
    tensors.set(`${layer.target}/weights`, weights);
    vector('scale', new Float32Array(channels).fill(1));
    vector('offset', bias);
    vector('mean', new Float32Array(channels));
    vector('variance', new Float32Array(channels).fill(1 - BATCH_NORM_EPSILON));
  }
  return { ...source.network, tensors };
}

/** Smooth images, each of its own colours. */
function images(count: number, width = 64, height = 48): CalibrationImage[] {
  return Array.from({ length: count }, (_, i) => {
    const [a, b, c] = randomValues(3, 100 + i);
    const noise = randomValues(width * height * 3, 200 + i);
    const colour = noise.map((n, at) => {
      const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
      return 0.6 * Math.sin(0.2 * (a! * x + b! * y) + (at % 3) + 3 * c!) + 0.3 * n;
    });
    return { width, height, colour };
  });
}

const stack = (list: readonly CalibrationImage[]) =>
  tf.tensor4d(
    list.flatMap(({ colour }) => [...colour]),
    [list.length, list[0]!.height, list[0]!.width, 3],
  );

function inferred(network: Network, list: readonly CalibrationImage[]): Float32Array {
  const layers = new FoldedLayers(network.tensors);
  const y = tf.tidy(() => features(layers, network.config, stack(list)).high[0]!);
  const values = y.dataSync<'float32'>();
  y.dispose();
  layers.dispose();
  return values;
}

/** With the statistics of the batch, as the first step of training has it. */
function trained(network: Network, list: readonly CalibrationImage[]): Float32Array {
  const parameters = new Map(
    [...network.tensors].map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])] as const),
  );
  const layers = new TrainingLayers(parameters, composedOps);
  const y = tf.tidy(() => features(layers, network.config, stack(list)).high[0]!);
  const values = y.dataSync<'float32'>();
  for (const { mean, variance } of layers.takeStatistics().values()) tf.dispose([mean, variance]);
  tf.dispose([y, ...parameters.values()]);
  return values;
}

describe('unfolding the batch norm', () => {
  const folded = foldedNetwork();
  const seen = images(6);

  test('leaves inference as it was', () => {
    const unfolded = unfoldBatchNorm(folded, seen);
    expect(relativeError(inferred(unfolded, seen), inferred(folded, seen))).toBeLessThan(1e-4);
    const others = images(3, 37, 53);
    expect(relativeError(inferred(unfolded, others), inferred(folded, others))).toBeLessThan(1e-4);
  });

  test('makes training compute what inference does, which the folded network does not', () => {
    const unfolded = unfoldBatchNorm(folded, seen);
    const expected = inferred(folded, seen);
    // With the very batch that was measured, batch statistics are the running ones.
    expect(relativeError(trained(unfolded, seen), expected)).toBeLessThan(1e-3);
    expect(relativeError(trained(folded, seen), expected)).toBeGreaterThan(0.3);
  });

  test('measures images of several sizes as one set', () => {
    const list = [...images(2), ...images(1, 32, 32)];
    const network = unfoldBatchNorm(folded, list);
    // The stem's sums of squares, counted here by hand over all its output pixels.
    const layers = new FoldedLayers(folded.tensors);
    const values: number[] = [];
    for (const image of list) {
      const y = tf.tidy(() => layers.conv('backbone/stem', [stack([image])], 2, 'linear'));
      const channels = y.shape[3];
      values.push(...y.dataSync().filter((_, i) => i % channels === 0));
      y.dispose();
    }
    layers.dispose();
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    expect(network.tensors.get('backbone/stem/offset')!.data[0]).toBeCloseTo(mean, 4);
    expect(network.tensors.get('backbone/stem/variance')!.data[0]).toBeCloseTo(variance, 4);
  });

  test('a channel that never varies keeps a sane scale', () => {
    const tensors = new Map(folded.tensors);
    const { shape, data } = tensors.get('backbone/b3/expand/weights')!;
    const outputs = shape[3]!;
    tensors.set('backbone/b3/expand/weights', {
      shape,
      data: data.map((w, i) => (i % outputs === 2 ? 0 : w)),
    });
    const dead = { ...folded, tensors };
    const unfolded = unfoldBatchNorm(dead, seen);
    expect(unfolded.tensors.get('backbone/b3/expand/variance')!.data[2]).toBeCloseTo(0, 9);
    expect(unfolded.tensors.get('backbone/b3/expand/scale')!.data[2]).toBeCloseTo(
      Math.sqrt(BATCH_NORM_EPSILON),
      6,
    );
    for (const { data: values } of unfolded.tensors.values())
      expect(values.every(Number.isFinite)).toBe(true);
    expect(relativeError(trained(unfolded, seen), inferred(dead, seen))).toBeLessThan(1e-3);
  });

  test('leaks no tensor, and asks for an image', () => {
    const before = tf.memory().numTensors;
    unfoldBatchNorm(folded, images(2));
    expect(tf.memory().numTensors).toBe(before);
    expect(() => unfoldBatchNorm(folded, [])).toThrow(/at least one image/);
  });
});

test('a network takes only a backbone of its own width', () => {
  const tensors = new Map([...source.network.tensors].filter(([name]) => name.startsWith('backbone/')));
  const backbone: Backbone = {
    width: 0.35,
    tensors,
    batchNorm: 'kept',
    source: 'w.h5 (Keras HDF5)',
    sha256: '',
  };
  const config = { width: 0.35, head: 'slim', classes: 2 } as const;
  const network = initialNetwork(config, ['a', 'b'], 9);
  const initialised = initialiseFrom(network, backbone);
  expect([...initialised.tensors.keys()]).toEqual([...network.tensors.keys()]);
  expect(initialised.tensors.get('backbone/stem/weights')).toBe(tensors.get('backbone/stem/weights'));
  expect(initialised.tensors.get('aspp/point/weights')).toBe(network.tensors.get('aspp/point/weights'));
  const wide = initialNetwork({ ...config, width: 1 }, ['a', 'b'], 9);
  expect(() => initialiseFrom(wide, backbone)).toThrow(/w\.h5 .* width 0\.35; expected width 1/);
});
