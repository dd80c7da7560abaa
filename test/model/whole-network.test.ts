import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startBackend, type ThreadBackend } from '../../src/model/backend.js';
import { type DeepLabConfig, features, logits, parameterSpecs } from '../../src/model/deeplab.js';
import { drawMasks } from '../../src/model/dropout.js';
import { initialNetwork, type Network } from '../../src/model/network.js';
import { trainingOps } from '../../src/model/training/engine.js';
import { alone } from '../../src/model/training/exchange.js';
import { TrainingLayers } from '../../src/model/training/training-layers.js';
import { random } from '../../src/random.js';
import { randomValues } from './support.js';
import { missing } from './tensorflow-setting.js';

const CLASSES = 5;
const [WIDTH, HEIGHT, BATCH] = [48, 32, 2];

beforeAll(async () => {
  await startBackend('wasm');
});

/**
 * The network in training with its rectifiers taken out: at a kink two backends may fall on different sides by
 * rounding, and batch norm over few pixels makes that as large as the gradient. All else is as it is trained.
 */
function smoothLoss(network: Network, backend: ThreadBackend) {
  const exchange = alone(BATCH);
  const ops = trainingOps(backend, exchange);
  const linear = {
    ...ops,
    batchNorm: ((x, scale, offset) => ops.batchNorm(x, scale, offset, 'linear')) as typeof ops.batchNorm,
  };
  const names = parameterSpecs(network.config)
    .filter(({ role }) => role !== 'mean' && role !== 'variance')
    .map(({ name }) => name);
  const loss = (...values: tf.Tensor[]): tf.Scalar => {
    const layers = new TrainingLayers(new Map(names.map((name, i) => [name, values[i]!])), linear);
    const colour = randomValues(BATCH * HEIGHT * WIDTH * 3, 3);
    const x = tf.tensor4d(colour, [BATCH, HEIGHT, WIDTH, 3]);
    const next = random(5);
    const labels = Int32Array.from({ length: BATCH * HEIGHT * WIDTH }, () =>
      Math.floor(next() * (CLASSES + 1)),
    );
    const target = tf.tensor3d(labels, [BATCH, HEIGHT, WIDTH], 'int32');
    const masks = drawMasks(network.config, [random(7), random(8)]);
    const value = ops.crossEntropy(logits(layers, features(layers, network.config, x), masks), target);
    for (const { mean, variance } of layers.takeStatistics().values()) tf.dispose([mean, variance]);
    return value;
  };
  const values = () =>
    names.map((name) => tf.tensor(network.tensors.get(name)!.data, [...network.tensors.get(name)!.shape]));
  return { names, loss, values };
}

function gradientOf(network: Network, backend: ThreadBackend) {
  const { names, loss, values } = smoothLoss(network, backend);
  const [value, ...gradients] = tf.tidy(() => {
    const result = tf.valueAndGrads(loss)(values());
    return [result.value, ...result.grads];
  });
  const read = { loss: value!.dataSync()[0]!, gradients: new Map<string, Float32Array>() };
  for (const [i, name] of names.entries()) read.gradients.set(name, gradients[i]!.dataSync<'float32'>());
  tf.dispose([value!, ...gradients]);
  return read;
}

describe.each<DeepLabConfig>([
  { width: 0.35, head: 'slim', classes: CLASSES },
  { width: 1, head: 'full', classes: CLASSES },
])('the smoothed network at width $width, $head', (config) => {
  const network = initialNetwork(config, ['a', 'b', 'c', 'd', 'e'], 2);

  // As far as the loss changes by so much: above float32's rounding of it, and below where it curves.
  test.each([
    ['the gradient itself', 0.002],
    ['random numbers', 0.0004],
  ])('its gradient is the slope of its loss along %s', async (way, change) => {
    await startBackend('wasm');
    const before = tf.memory().numTensors;
    const { loss, values, names } = smoothLoss(network, 'wasm');
    const { gradients } = gradientOf(network, 'wasm');
    // Along the gradient a parameter whose gradient is lost would not be missed; along random numbers it is.
    const direction = new Map(
      [...gradients].map(([name, g], i) => [name, way === 'random numbers' ? randomValues(g.length, i) : g]),
    );
    let expected = 0;
    for (const [name, g] of gradients)
      expected += g.reduce((sum, v, i) => sum + v * direction.get(name)![i]!, 0);
    const step = change / Math.abs(expected);
    const along = (sign: number) =>
      tf.tidy(() => {
        const moved = values().map((w, i) =>
          tf.add(w, tf.mul(tf.tensor(direction.get(names[i]!)!, w.shape), sign * step)),
        );
        return loss(...moved).dataSync()[0]!;
      });
    const slope = (along(1) - along(-1)) / (2 * step);
    expect(Math.abs(slope / expected - 1)).toBeLessThan(0.01);
    expect(tf.memory().numTensors).toBe(before);
  });

  test.each<ThreadBackend>(['wasm', ...(missing === undefined ? (['tensorflow'] as const) : [])])(
    'its gradient on %s is that of the composed kernels on cpu',
    async (backend) => {
      await startBackend(backend);
      const fast = gradientOf(network, backend);
      await startBackend('cpu');
      const slow = gradientOf(network, 'cpu');
      await startBackend('wasm');
      expect(Math.abs(fast.loss / slow.loss - 1)).toBeLessThan(1e-5);
      let [difference, size] = [0, 0];
      for (const [name, expected] of slow.gradients) {
        const actual = fast.gradients.get(name)!;
        for (const [i, value] of expected.entries()) {
          difference += (actual[i]! - value) ** 2;
          size += value ** 2;
        }
      }
      // Measured 1.2e-5 and 1.4e-5.
      expect(Math.sqrt(difference / size)).toBeLessThan(1e-4);
    },
    240_000,
  );
});
