import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { startBackend } from '../../../src/model/backend.js';
import { features, logits, parameterSpecs } from '../../../src/model/deeplab.js';
import { drawMasks } from '../../../src/model/dropout.js';
import { fastOps } from '../../../src/model/kernels/fast-ops.js';
import { linkKernels } from '../../../src/model/kernels/link.js';
import { alone, type Exchange } from '../../../src/model/training/exchange.js';
import { TrainingLayers } from '../../../src/model/training/training-layers.js';
import type { TrainingOps } from '../../../src/model/training/training-ops.js';
import { random } from '../../../src/random.js';
import { randomValues, trainedLookingNetwork } from '../support.js';

const BATCH = 4;
const [WIDTH, HEIGHT, CLASSES] = [48, 32, 5];
const network = trainedLookingNetwork(CLASSES);
const colour = randomValues(BATCH * HEIGHT * WIDTH * 3, 1);
const labels = Int32Array.from(randomValues(BATCH * HEIGHT * WIDTH, 2), (v) => Math.floor((v + 1) * 3));
const classWeights = Float32Array.from({ length: CLASSES }, (_, c) => 1 + c / 7);

beforeAll(() => startBackend('wasm'));

/** Everything that a step computes from images [first, first + count) of the batch, as bits. */
function stepOn(ops: TrainingOps, first: number, count: number): Map<string, Float32Array> {
  const before = tf.memory().numTensors;
  const parameters = new Map<string, tf.Tensor>();
  for (const { name, role, shape } of parameterSpecs(network.config)) {
    if (role === 'mean' || role === 'variance') continue;
    parameters.set(name, tf.tensor(network.tensors.get(name)!.data, [...shape]));
  }
  const layers = new TrainingLayers(parameters, ops);
  const area = WIDTH * HEIGHT;
  const [loss, ...gradients] = tf.tidy(() => {
    const x = tf.tensor4d(colour.slice(3 * first * area, 3 * (first + count) * area), [
      count,
      HEIGHT,
      WIDTH,
      3,
    ]);
    const target = tf.tensor3d(
      labels.slice(first * area, (first + count) * area),
      [count, HEIGHT, WIDTH],
      'int32',
    );
    const images = Array.from({ length: count }, (_, i) => random(first + i));
    const masks = drawMasks(network.config, images);
    const { value, grads } = tf.valueAndGrads(() =>
      ops.crossEntropy(logits(layers, features(layers, network.config, x), masks), target, classWeights),
    )([...parameters.values()]);
    return [value, ...grads];
  });
  const results = new Map([['loss', loss!.dataSync<'float32'>()]]);
  for (const [i, name] of [...parameters.keys()].entries()) {
    results.set(name, gradients[i]!.dataSync<'float32'>());
  }
  for (const [layer, { mean, variance }] of layers.takeStatistics()) {
    results.set(`${layer}/mean`, mean.dataSync<'float32'>());
    results.set(`${layer}/variance`, variance.dataSync<'float32'>());
    tf.dispose([mean, variance]);
  }
  tf.dispose([loss!, ...gradients, ...parameters.values()]);
  expect(tf.memory().numTensors).toBe(before);
  return results;
}

/** What one replica gathered, in order: the numbers of all images. */
function recording(gathered: Float32Array[]): Exchange {
  return {
    ...alone(BATCH),
    gather: (mine) => {
      gathered.push(mine.slice());
      return mine;
    },
  };
}

/** Stands for one of several replicas: checks that it brings its part of what was gathered, and gives the whole. */
function replaying(gathered: readonly Float32Array[], replicas: number, replica: number): Exchange {
  let calls = 0;
  return {
    replicas,
    batch: BATCH,
    gather: (mine) => {
      const all = gathered[calls++]!;
      expect(mine).toEqual(all.subarray(replica * mine.length, (replica + 1) * mine.length));
      return all;
    },
    total: () => {
      throw new Error('the operations themselves total nothing');
    },
  };
}

/** By a balanced tree, as `Exchange.total` sums. */
function total(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const half = parts.length / 2;
  const [a, b] = [total(parts.slice(0, half)), total(parts.slice(half))];
  return a.map((value, i) => value + b[i]!);
}

test.each([2, 4])('%i replicas together come to the same bits as one', (replicas) => {
  const gathered: Float32Array[] = [];
  const whole = stepOn(fastOps(linkKernels(), recording(gathered)), 0, BATCH);
  const share = BATCH / replicas;
  const parts = Array.from({ length: replicas }, (_, replica) =>
    stepOn(fastOps(linkKernels(), replaying(gathered, replicas, replica)), replica * share, share),
  );
  const isEqualForAll = new Set(['loss']);
  for (const { name, role } of parameterSpecs(network.config)) {
    if (role === 'mean' || role === 'variance') isEqualForAll.add(name);
  }
  for (const [name, expected] of whole) {
    const shares = parts.map((part) => part.get(name)!);
    if (isEqualForAll.has(name)) for (const mine of shares) expect(mine, name).toEqual(expected);
    else expect(total(shares), name).toEqual(expected);
  }
});
