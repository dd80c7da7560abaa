import * as tf from '@tensorflow/tfjs-core';

/**
 * The mean of D draws, MC dropout's distribution (paper, Eq. 1).
 *
 * @param draws D, at least 1
 * @param probabilitiesOf gives a draw's probabilities, all draws of one shape; they are disposed here
 * @returns the caller's
 */
export function meanOfDraws(draws: number, probabilitiesOf: (draw: number) => tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() => {
    let sum: tf.Tensor4D | undefined;
    for (let draw = 0; draw < draws; draw++) {
      // Each draw's tensors go before the next draw's come: memory does not grow with D.
      const before: tf.Tensor4D | undefined = sum;
      sum = tf.tidy(() => {
        const one = probabilitiesOf(draw);
        return before ? tf.add<tf.Tensor4D>(before, one) : one;
      });
      before?.dispose();
    }
    return tf.mul(sum!, 1 / draws);
  });
}
