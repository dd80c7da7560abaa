import * as tf from '@tensorflow/tfjs-core';
import { follow } from '../training/batch-norm.js';
import type { Exchange } from '../training/exchange.js';
import type { SgdOptions } from '../training/sgd.js';
import type { TrainingOps } from '../training/training-ops.js';
import { crossEntropy } from './cross-entropy.js';
import { fastBatchNorm } from './fast-batch-norm.js';
import { registerFastConvolutions } from './fast-convolutions.js';
import type { LinkedKernels } from './link.js';
import { sumImages } from './sum-images.js';
import { registerUpsampling } from './upsample.js';

/**
 * What a training step needs, by SIMD kernels on the heap of tfjs-backend-wasm, for one of the replicas that train a
 * network together. Registers convolutions and upsampling with their gradients too, for the whole thread.
 */
export function fastOps(kernels: LinkedKernels, exchange: Exchange): TrainingOps {
  registerFastConvolutions();
  // Now, not when inference first does, in the middle of a training: bits must not depend on when that is.
  registerUpsampling();
  return {
    batchNorm: (x, scale, offset, activation) =>
      fastBatchNorm(kernels, exchange, x, scale, offset, activation),
    addBias: (x, bias) => addBias(kernels, x, bias),
    crossEntropy: (logits, labels, classWeights) =>
      crossEntropy(kernels, exchange, logits, labels, classWeights),
    follow,
    momentumStep: (weights, gradient, velocity, options) =>
      momentumStep(kernels, weights, gradient, velocity, options),
  };
}

/** The gradient of the bias is the sum of dy over the pixels of this replica's images. */
function addBias(kernels: LinkedKernels, x: tf.Tensor4D, bias: tf.Tensor1D): tf.Tensor4D {
  const biased = tf.customGrad<tf.Tensor4D>((...args) => {
    const [input, term] = args as [tf.Tensor4D, tf.Tensor1D];
    return { value: tf.add<tf.Tensor4D>(input, term), gradFunc: (dy) => [dy, biasGradient(kernels, dy)] };
  });
  return biased(x, bias);
}

function biasGradient(kernels: LinkedKernels, dy: tf.Tensor4D): tf.Tensor {
  const [images, height, width, channels] = dy.shape;
  const pixels = height * width;
  const sums = kernels.allocate([channels]);
  sumImages(kernels, images, channels, kernels.addressOf(sums), (n, target) =>
    kernels.call.columnSums(kernels.addressOf(dy) + 4 * n * pixels * channels, pixels, channels, target),
  );
  return tf.engine().makeTensorFromTensorInfo(sums);
}

function momentumStep(
  kernels: LinkedKernels,
  weights: tf.Tensor,
  gradient: tf.Tensor,
  velocity: tf.Tensor,
  { learningRate, momentum, weightDecay }: SgdOptions,
): { weights: tf.Tensor; velocity: tf.Tensor } {
  const { addressOf } = kernels;
  const newWeights = kernels.allocate(weights.shape);
  const newVelocity = kernels.allocate(weights.shape);
  kernels.call.momentumStep(
    addressOf(weights),
    addressOf(gradient),
    addressOf(velocity),
    addressOf(newWeights),
    addressOf(newVelocity),
    weights.size,
    learningRate,
    momentum,
    weightDecay,
  );
  return {
    weights: tf.engine().makeTensorFromTensorInfo(newWeights),
    velocity: tf.engine().makeTensorFromTensorInfo(newVelocity),
  };
}
