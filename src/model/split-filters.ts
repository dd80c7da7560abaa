import * as tf from '@tensorflow/tfjs-core';

/** Slices filters [k, k, in, out] along `in` into one piece per input, as many channels as the input has. */
export function splitFilters(filters: tf.Tensor4D, inputs: readonly tf.Tensor4D[]): tf.Tensor4D[] {
  if (inputs.length === 1) return [filters];
  const [height, width, , out] = filters.shape;
  let from = 0;
  return inputs.map((x) => {
    const channels = x.shape[3];
    const piece = tf.slice(filters, [0, 0, from, 0], [height, width, channels, out]);
    from += channels;
    return piece;
  });
}
