import * as tf from '@tensorflow/tfjs-core';
import type { Random } from '../random.js';
import { type DeepLabConfig, DROPOUT_RATE, type DropoutMasks, featureChannels } from './deeplab.js';

/**
 * Draws which channels each image of a batch keeps: first those of the backbone's output, then the low-level ones.
 * What is kept is scaled up by 1/(1 − rate), so that the expectation stays.
 *
 * @param images a generator for each image of the batch
 */
export function drawMasks(config: DeepLabConfig, images: readonly Random[]): DropoutMasks {
  const channels = featureChannels(config);
  const high = new Float32Array(images.length * channels.high);
  const low = new Float32Array(images.length * channels.low);
  for (const [i, next] of images.entries()) {
    draw(high.subarray(i * channels.high, (i + 1) * channels.high), next);
    draw(low.subarray(i * channels.low, (i + 1) * channels.low), next);
  }
  return {
    high: tf.tensor4d(high, [images.length, 1, 1, channels.high]),
    low: tf.tensor4d(low, [images.length, 1, 1, channels.low]),
  };
}

function draw(factors: Float32Array, next: Random): void {
  for (let i = 0; i < factors.length; i++) factors[i] = next() < DROPOUT_RATE ? 0 : 1 / (1 - DROPOUT_RATE);
}
