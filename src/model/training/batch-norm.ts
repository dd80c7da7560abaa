import * as tf from '@tensorflow/tfjs-core';
import { type Activation, BATCH_NORM_EPSILON } from '../deeplab.js';
import { channelMean } from './channel-mean.js';

/** Of each channel [C]. */
export interface Statistics {
  readonly mean: tf.Tensor1D;
  /** The biased one. */
  readonly variance: tf.Tensor1D;
}

/** The batch's statistics are kept beyond any tidy: the caller disposes them. */
export interface NormalisedBatch extends Statistics {
  readonly y: tf.Tensor4D;
}

/**
 * Batch norm with the batch's own statistics and activation, with its gradient written out (Ioffe and Szegedy
 * 2015): core's gradient, composed of moments and normalisation, passes over the image about twenty times, this
 * one about ten, and only through kernels that the wasm backend vectorises.
 */
export function batchNorm(
  x: tf.Tensor4D,
  scale: tf.Tensor1D,
  offset: tf.Tensor1D,
  activation: Activation,
): NormalisedBatch {
  let statistics: Statistics | undefined;
  const normalise = tf.customGrad<tf.Tensor4D>((...args) => {
    const [input, gamma, beta, save] = args as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.GradSaveFunc];
    const mean = channelMean(input);
    const variance = channelMean(tf.squaredDifference(input, mean));
    statistics = { mean: tf.keep(mean), variance: tf.keep(variance) };
    const inverse = tf.rsqrt(tf.add(variance, BATCH_NORM_EPSILON));
    const factor: tf.Tensor1D = tf.mul(gamma, inverse);
    const y = affine(input, factor, tf.sub<tf.Tensor1D>(beta, tf.mul(mean, factor)), activation);
    save([input, y, mean, inverse, factor]);
    return { value: y, gradFunc: (dy, saved) => gradient(dy, saved, activation) };
  });
  const y = normalise(x, scale, offset);
  return { y, ...statistics! };
}

/** `TrainingOps.follow`, composed. */
export function follow(running: Statistics, batch: Statistics, share: number): Statistics {
  const moved = (old: tf.Tensor1D, to: tf.Tensor1D) =>
    tf.tidy(() => tf.add<tf.Tensor1D>(tf.mul(old, 1 - share), tf.mul(to, share)));
  return { mean: moved(running.mean, batch.mean), variance: moved(running.variance, batch.variance) };
}

/** Gradients of x, scale and offset. */
function gradient(dy: tf.Tensor4D, saved: tf.Tensor[], activation: Activation): tf.Tensor[] {
  const [x, y, mean, inverse, factor] = saved as [
    tf.Tensor4D,
    tf.Tensor4D,
    tf.Tensor1D,
    tf.Tensor1D,
    tf.Tensor1D,
  ];
  return tf.tidy(() => {
    const dz = throughActivation(dy, y, activation);
    const count = x.size / mean.size;
    // With x̂ = (x − mean)·inverse and ⟨·⟩ the mean over the batch: dx = factor·(dz − ⟨dz⟩ − x̂·⟨dz·x̂⟩).
    const meanDz = channelMean(dz);
    const meanDzX = channelMean(tf.mul(dz, x));
    const meanDzNormalised = tf.mul(inverse, tf.sub(meanDzX, tf.mul(mean, meanDz)));
    const slope = tf.neg(tf.mul<tf.Tensor1D>(factor, tf.mul(inverse, meanDzNormalised)));
    const constant = tf.neg(tf.add<tf.Tensor1D>(tf.mul(factor, meanDz), tf.mul(slope, mean)));
    const zero = tf.zerosLike(mean);
    const dx = tf.add(affine(dz, factor, constant, 'linear'), affine(x, slope, zero, 'linear'));
    return [dx, tf.mul(meanDzNormalised, count), tf.mul(meanDz, count)];
  });
}

function throughActivation(dy: tf.Tensor4D, y: tf.Tensor4D, activation: Activation): tf.Tensor4D {
  // `step` is vectorised on wasm, comparisons are not.
  if (activation === 'relu') return tf.mul(dy, tf.step(y));
  if (activation === 'relu6') return tf.mul(dy, tf.step(tf.mul(y, tf.sub(6, y))));
  return dy;
}

/**
 * activation(x·factor + constant) per channel, as a 1×1 depthwise convolution: one pass on the wasm backend,
 * where the batch norm kernel is scalar. The kernel is called by name because `tf.fused` unfuses while
 * gradients are recorded.
 */
function affine(
  x: tf.Tensor4D,
  factor: tf.Tensor1D,
  constant: tf.Tensor1D,
  activation: Activation,
): tf.Tensor4D {
  const inputs = { x, filter: tf.reshape(factor, [1, 1, factor.size, 1]), bias: constant };
  return tf.engine().runKernel(tf.FusedDepthwiseConv2D, inputs, {
    strides: 1,
    pad: 'valid',
    dataFormat: 'NHWC',
    dilations: 1,
    activation,
  }) as tf.Tensor4D;
}
