import * as tf from '@tensorflow/tfjs-core';
import type { Frame, Size } from '../../src/frame.js';
import { initialNetwork, type Network } from '../../src/model/network.js';
import { random } from '../../src/random.js';

/** Numbers in [−1, 1). */
export function randomValues(length: number, seed: number): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length }, () => next() * 2 - 1);
}

export function randomTensor<R extends tf.Rank = tf.Rank.R4>(
  shape: tf.ShapeMap[R],
  seed: number,
): tf.Tensor<R> {
  return tf.tensor<R>(randomValues(tf.util.sizeFromShape(shape), seed), shape);
}

/** Largest difference, relative to the largest reference value. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return difference / (largest || 1);
}

/** Gradients of Σ weights·f(inputs) by each input, on the current backend. The weights are fixed random numbers. */
export function gradientsOf(
  f: (...inputs: tf.Tensor4D[]) => tf.Tensor,
  inputs: readonly { shape: [number, number, number, number]; seed: number }[],
): Float32Array[] {
  const tensors = tf.tidy(() => {
    const xs = inputs.map(({ shape, seed }) => randomTensor(shape, seed));
    const weighted = (...args: tf.Tensor[]) => {
      const y = f(...(args as tf.Tensor4D[]));
      return tf.sum(tf.mul(y, tf.tensor(randomValues(y.size, 77), y.shape)));
    };
    return tf.grads(weighted)(xs);
  });
  const values = tensors.map((tensor) => tensor.dataSync<'float32'>());
  tf.dispose(tensors);
  return values;
}

/** A small network with running statistics and scales as if it had been trained. */
export function trainedLookingNetwork(classes: number, seed = 1): Network {
  const names = Array.from({ length: classes }, (_, c) => `class ${c}`);
  const network = initialNetwork({ width: 0.35, head: 'slim', classes }, names, seed);
  const next = random(seed);
  for (const [name, { data }] of network.tensors) {
    const role = name.split('/').at(-1);
    for (let i = 0; i < data.length; i++) {
      if (role === 'mean' || role === 'offset' || role === 'bias') data[i] = next() * 0.4 - 0.2;
      if (role === 'variance' || role === 'scale') data[i] = 0.5 + next();
    }
  }
  return network;
}

/** Colours of an image, each byte random. */
export function randomColour(width: number, height: number, seed: number): Uint8Array {
  const next = random(seed);
  return Uint8Array.from({ length: width * height * 3 }, () => next() * 256);
}

/** A frame of random colours, without depth. */
export function colourFrame(id: string, { width, height }: Size): Frame {
  return {
    scene: 'a',
    id,
    timestamp: 0,
    width,
    height,
    colour: randomColour(width, height, Number(id)),
    depth: new Float32Array(width * height),
    intrinsics: { fx: 1, fy: 1, cx: 0, cy: 0 },
    cameraToWorld: new Float64Array(16),
  };
}
