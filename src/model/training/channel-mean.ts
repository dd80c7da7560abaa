import * as tf from '@tensorflow/tfjs-core';

/**
 * Mean over batch, rows and columns of [N, H, W, C], giving [C]. Average pooling over the whole image is the one
 * reduction that the wasm backend vectorises over channels; `tf.mean` transposes first and is ten times slower.
 */
export function channelMean(x: tf.Tensor4D): tf.Tensor1D {
  const [batch, height, width, channels] = x.shape;
  // XNNPACK refuses to pool one pixel.
  const images = height * width === 1 ? x : tf.avgPool(x, [height, width], 1, 'valid');
  return tf.mean(tf.reshape(images, [batch, channels]), 0);
}
