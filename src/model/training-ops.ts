import type * as tf from '@tensorflow/tfjs-core';
import { batchNorm, type NormalisedBatch } from './batch-norm.js';
import type { Activation } from './deeplab.js';
import { crossEntropy } from './loss.js';
import { momentumStep, type SgdOptions } from './sgd.js';

/**
 * What a training step needs beyond tfjs's own differentiable operations. `composedOps` builds it from stock
 * kernels; a faster engine provides the same functions (and, under their kernel names, the gradients of the
 * convolutions, see `registerGradients`).
 */
export interface TrainingOps {
  /** Batch norm with the batch's statistics, then activation; differentiable in x, scale and offset. */
  batchNorm(x: tf.Tensor4D, scale: tf.Tensor1D, offset: tf.Tensor1D, activation: Activation): NormalisedBatch;
  /** Mean cross-entropy of logits [N, H, W, C] over the pixels of labels [N, H, W] below C; differentiable. */
  crossEntropy(logits: tf.Tensor4D, labels: tf.Tensor3D): tf.Scalar;
  /** One step of gradient descent on one tensor. Gives fresh tensors, disposes none. */
  momentumStep(
    weights: tf.Tensor,
    gradient: tf.Tensor,
    velocity: tf.Tensor,
    options: SgdOptions,
  ): { readonly weights: tf.Tensor; readonly velocity: tf.Tensor };
}

export const composedOps: TrainingOps = { batchNorm, crossEntropy, momentumStep };
