import * as tf from '@tensorflow/tfjs-core';
import type { Size } from '../../frame.js';
import { upsample4 } from '../deeplab.js';
import { toHalves } from '../probability-map.js';

/**
 * The mean over `draws` of softmax(upsample4(logits)), as halves [H, W, classes], composed of stock kernels.
 *
 * @param logitsOf gives a draw's logits [1, ⌈H/4⌉, ⌈W/4⌉, classes], which are disposed here
 */
export function meanSoftmax(
  { width, height }: Size,
  draws: number,
  logitsOf: (draw: number) => tf.Tensor4D,
): Uint16Array {
  const mean = tf.tidy(() => {
    let sum: tf.Tensor4D | undefined;
    for (let draw = 0; draw < draws; draw++) {
      // Each draw's tensors go before the next draw's come: memory does not grow with the draws.
      const before: tf.Tensor4D | undefined = sum;
      sum = tf.tidy(() => {
        const one = tf.softmax(upsample4(logitsOf(draw), height, width));
        return before ? tf.add<tf.Tensor4D>(before, one) : one;
      });
      before?.dispose();
    }
    return tf.mul(sum!, 1 / draws);
  });
  // Read outside the tidy, which would look for tensors in every element of an array it returns.
  const halves = toHalves(mean.dataSync<'float32'>());
  mean.dispose();
  return halves;
}
