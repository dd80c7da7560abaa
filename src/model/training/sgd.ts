import * as tf from '@tensorflow/tfjs-core';

export interface SgdOptions {
  readonly learningRate: number;
  readonly momentum: number;
  /** Pull towards zero, in units of the gradient per unit of weight. */
  readonly weightDecay: number;
}

/** velocity ← momentum·velocity + gradient + weightDecay·weights; weights ← weights − learningRate·velocity. */
export function momentumStep(
  weights: tf.Tensor,
  gradient: tf.Tensor,
  velocity: tf.Tensor,
  { learningRate, momentum, weightDecay }: SgdOptions,
): { weights: tf.Tensor; velocity: tf.Tensor } {
  return tf.tidy(() => {
    const slope = weightDecay === 0 ? gradient : tf.add(gradient, tf.mul(weights, weightDecay));
    const faster = tf.add(tf.mul(velocity, momentum), slope);
    return { weights: tf.sub(weights, tf.mul(faster, learningRate)), velocity: faster };
  });
}

/** The polynomial schedule of the DeepLab papers: rate·(1 − step/steps)^0.9, step counted from 0. */
export function polynomialRate(rate: number, step: number, steps: number): number {
  return rate * (1 - step / steps) ** 0.9;
}
