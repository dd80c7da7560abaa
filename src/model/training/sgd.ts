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
