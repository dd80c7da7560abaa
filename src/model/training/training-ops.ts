import * as tf from '@tensorflow/tfjs-core';
import type { Activation } from '../deeplab.js';
import { batchNorm, follow, type NormalisedBatch, type Statistics } from './batch-norm.js';
import { crossEntropy } from './loss.js';
import { momentumStep, type SgdOptions } from './sgd.js';

/**
 * What a training step needs beyond tfjs's own differentiable operations. `composedOps` builds it from stock
 * kernels, for a replica that has the whole batch; `fastOps` from our own on wasm, for one of several, and `gpuOps` from
 * our own on WebGPU (both register, under their kernel names, the gradients of the convolutions, as `registerGradients`
 * does).
 */
export interface TrainingOps {
  /** Batch norm with the statistics of the whole batch, then activation; differentiable in x, scale and offset. */
  batchNorm(x: tf.Tensor4D, scale: tf.Tensor1D, offset: tf.Tensor1D, activation: Activation): NormalisedBatch;
  /** x + bias, over the innermost axis; differentiable in both. */
  addBias(x: tf.Tensor4D, bias: tf.Tensor1D): tf.Tensor4D;
  /**
   * Mean cross-entropy over the labelled pixels of the whole batch at full resolution, natural logarithm;
   * differentiable in the logits. With class weights the mean is the weighted one, Σ w·loss / Σ w.
   *
   * @param logits [n, ⌈H/4⌉, ⌈W/4⌉, C] of this replica's images, upsampled inside as `upsample4` does
   * @param labels [n, H, W], int32, none negative; a pixel whose label is not below C does not count
   * @param classWeights [C], none negative; all 1 if not given
   */
  crossEntropy(logits: tf.Tensor4D, labels: tf.Tensor3D, classWeights?: Float32Array): tf.Scalar;
  /** Running statistics with `share` of a batch's in them. Gives fresh tensors, disposes none. */
  follow(running: Statistics, batch: Statistics, share: number): Statistics;
  /** One step of gradient descent on one tensor. Gives fresh tensors, disposes none. */
  momentumStep(
    weights: tf.Tensor,
    gradient: tf.Tensor,
    velocity: tf.Tensor,
    options: SgdOptions,
  ): { readonly weights: tf.Tensor; readonly velocity: tf.Tensor };
}

export const composedOps: TrainingOps = {
  batchNorm,
  addBias: (x, bias) => tf.add(x, bias),
  crossEntropy,
  follow,
  momentumStep,
};
