import * as tf from '@tensorflow/tfjs-core';
import type { Size } from '../../frame.js';
import { upsample4 } from '../deeplab.js';
import { toHalves } from '../probability-map.js';
import { meanOfDraws } from './mean-of-draws.js';

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
  const mean = meanOfDraws(draws, (draw) => tf.softmax(upsample4(logitsOf(draw), height, width)));
  const halves = toHalves(mean.dataSync<'float32'>());
  mean.dispose();
  return halves;
}
