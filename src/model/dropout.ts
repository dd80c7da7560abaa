import * as tf from '@tensorflow/tfjs-core';
import type { Random } from '../random.js';
import { type DeepLabConfig, DROPOUT_RATE, type DropoutMasks, featureChannels } from './deeplab.js';

/**
 * Draws which channels each image of a batch keeps: first those of the backbone's output, then the low-level
 * ones. What is kept is scaled up by 1/(1 − rate), so that the expectation stays.
 */
export function drawMasks(config: DeepLabConfig, batch: number, next: Random): DropoutMasks {
  const { high, low } = featureChannels(config);
  const draw = (channels: number) => {
    const factors = new Float32Array(batch * channels);
    for (let i = 0; i < factors.length; i++) factors[i] = next() < DROPOUT_RATE ? 0 : 1 / (1 - DROPOUT_RATE);
    return tf.tensor4d(factors, [batch, 1, 1, channels]);
  };
  return { high: draw(high), low: draw(low) };
}
