import * as tf from '@tensorflow/tfjs-core';
import { upsample4 } from '../deeplab.js';

/** `TrainingOps.crossEntropy`, composed. Where no pixel counts, the loss and its gradient are 0. */
export function crossEntropy(
  logits: tf.Tensor4D,
  labels: tf.Tensor3D,
  classWeights?: Float32Array,
): tf.Scalar {
  const [, height, width] = labels.shape;
  const classes = logits.shape[3];
  const pixels = labels.size;
  const loss = tf.customGrad<tf.Scalar>((...args) => {
    const [input, save] = args as [tf.Tensor4D, tf.GradSaveFunc];
    const probabilities = tf.softmax(tf.reshape(input, [pixels, classes]));
    // A label outside 0..C−1 gives a row of zeros.
    const target = tf.cast(tf.oneHot(tf.reshape(labels, [pixels]) as tf.Tensor1D, classes), 'float32');
    const counted = tf.sum(classWeights ? tf.mul(target, tf.tensor1d(classWeights)) : target, 1);
    const total = tf.sum(counted);
    const weight = tf.div(counted, tf.add(total, tf.cast(tf.equal(total, 0), 'float32')));
    const ofLabel = tf.sum(tf.mul(probabilities, target), 1);
    // Only the value is clamped, so that a hopeless pixel cannot make it infinite; the gradient is exact.
    const value = tf.sub(0, tf.sum(tf.mul(tf.log(tf.maximum(ofLabel, 1e-30)), weight)));
    save([probabilities, target, weight]);
    return {
      value: value as tf.Scalar,
      gradFunc: (dy, saved) =>
        tf.tidy(() => {
          const [p, t, w] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
          const gradient = tf.mul(tf.sub(p, t), tf.reshape(tf.mul(w, dy), [pixels, 1]));
          return tf.reshape(gradient, input.shape);
        }),
    };
  });
  return loss(upsample4(logits, height, width));
}
