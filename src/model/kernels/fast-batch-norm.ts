import * as tf from '@tensorflow/tfjs-core';
import { type Activation, BATCH_NORM_EPSILON } from '../deeplab.js';
import type { NormalisedBatch, Statistics } from '../training/batch-norm.js';
import type { Exchange } from '../training/exchange.js';
import { ACTIVATION_BOUNDS } from './activation-bounds.js';
import type { Address, LinkedKernels } from './link.js';

/**
 * `TrainingOps.batchNorm` in two passes over the image, and two more for its gradient, with the statistics of the
 * whole batch: every replica gathers the sums of all images and combines them in their order.
 */
export function fastBatchNorm(
  kernels: LinkedKernels,
  exchange: Exchange,
  x: tf.Tensor4D,
  scale: tf.Tensor1D,
  offset: tf.Tensor1D,
  activation: Activation,
): NormalisedBatch {
  let statistics: Statistics | undefined;
  const normalise = tf.customGrad<tf.Tensor4D>((...args) => {
    const [input, gamma, beta, save] = args as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.GradSaveFunc];
    const { mean, variance } = batchStatistics(kernels, exchange, input);
    const inverse = variance.map((v) => 1 / Math.sqrt(v + BATCH_NORM_EPSILON));
    const affine = affineOf(mean, inverse, gamma.dataSync<'float32'>(), beta.dataSync<'float32'>());
    statistics = {
      mean: tf.keep(tf.tensor1d(Float32Array.from(mean))),
      variance: tf.keep(tf.tensor1d(Float32Array.from(variance))),
    };
    const y = normalised(kernels, input, affine, activation);
    save([input]);
    return {
      value: y,
      gradFunc: (dy, [saved]) => {
        const terms = { ...affine, mean, inverse };
        const gradients = gradient(kernels, exchange, saved as tf.Tensor4D, dy, terms, activation);
        dy.dispose(); // nothing else uses it, and the tape would keep it to the end
        return gradients;
      },
    };
  });
  const y = normalise(x, scale, offset);
  return { y, ...statistics! };
}

/** y = activation(x·factor + constant), by channel. */
interface Affine {
  readonly factor: Float32Array;
  readonly constant: Float32Array;
}

function affineOf(
  mean: Float64Array,
  inverse: Float64Array,
  scale: Float32Array,
  offset: Float32Array,
): Affine {
  const factor = new Float32Array(mean.length);
  const constant = new Float32Array(mean.length);
  for (let c = 0; c < mean.length; c++) {
    factor[c] = scale[c] * inverse[c];
    constant[c] = offset[c] - mean[c] * factor[c];
  }
  return { factor, constant };
}

/** Mean and biased variance of each channel, combined in float64 from the sums of each image. */
function batchStatistics(
  kernels: LinkedKernels,
  exchange: Exchange,
  x: tf.Tensor4D,
): { mean: Float64Array; variance: Float64Array } {
  const [, height, width, channels] = x.shape;
  const pixels = height * width;
  const sums = gatherSums(kernels, exchange, x, 3 * channels, (image, target) =>
    kernels.call.batchNormSums(image, pixels, channels, target),
  );
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    // Chan, Golub and LeVeque 1979: mean and sum of squared deviations of images so far and one more.
    let average = 0;
    let squares = 0;
    for (let i = 0; i < exchange.batch; i++) {
      const at = 3 * i * channels + c;
      const sum = sums[at + channels];
      const difference = sums[at] + sum / pixels - average;
      average += difference / (i + 1);
      squares +=
        sums[at + 2 * channels] - (sum * sum) / pixels + (difference * difference * pixels * i) / (i + 1);
    }
    mean[c] = average;
    variance[c] = Math.max(0, squares / (exchange.batch * pixels));
  }
  return { mean, variance };
}

function normalised(
  kernels: LinkedKernels,
  x: tf.Tensor4D,
  { factor, constant }: Affine,
  activation: Activation,
): tf.Tensor4D {
  const channels = factor.length;
  const y = kernels.allocate(x.shape);
  withVectors(kernels, [factor, constant], (f, k) =>
    kernels.call.affineClamp(
      kernels.addressOf(x),
      f,
      k,
      kernels.addressOf(y),
      x.size / channels,
      channels,
      ...ACTIVATION_BOUNDS[activation],
    ),
  );
  return tf.engine().makeTensorFromTensorInfo(y) as tf.Tensor4D;
}

/** Gradients of x, scale and offset; the latter two are the whole batch's, in equal parts from every replica. */
function gradient(
  kernels: LinkedKernels,
  exchange: Exchange,
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  {
    factor,
    constant,
    mean,
    inverse,
  }: Affine & { readonly mean: Float64Array; readonly inverse: Float64Array },
  activation: Activation,
): tf.Tensor[] {
  const { call, addressOf } = kernels;
  const [, height, width, channels] = x.shape;
  const pixels = height * width;
  const bounds = ACTIVATION_BOUNDS[activation];
  const offsetOfDy = addressOf(dy) - addressOf(x);
  const sums = withVectors(kernels, [factor, constant, Float32Array.from(mean)], (f, k, m) =>
    gatherSums(kernels, exchange, x, 2 * channels, (image, target) =>
      call.batchNormGradientSums(image, image + offsetOfDy, f, k, m, pixels, channels, ...bounds, target),
    ),
  );
  // With x̂ = (x − mean)·inverse and ⟨·⟩ the mean over the batch: dx = factor·(dz − ⟨dz⟩ − x̂·⟨dz·x̂⟩).
  const count = exchange.batch * pixels;
  const slope = new Float32Array(channels);
  const shift = new Float32Array(channels);
  const dScale = new Float32Array(channels);
  const dOffset = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    let product = 0;
    for (let i = 0; i < exchange.batch; i++) {
      sum += sums[2 * i * channels + c];
      product += sums[(2 * i + 1) * channels + c];
    }
    slope[c] = (-factor[c] * inverse[c] ** 2 * product) / count;
    shift[c] = (-factor[c] * sum) / count;
    dScale[c] = (inverse[c] * product) / exchange.replicas;
    dOffset[c] = sum / exchange.replicas;
  }
  const dx = kernels.allocate(x.shape);
  withVectors(kernels, [factor, constant, Float32Array.from(mean), slope, shift], (f, k, m, s, t) =>
    call.batchNormGradient(
      addressOf(x),
      addressOf(dy),
      f,
      k,
      m,
      s,
      t,
      addressOf(dx),
      x.size / channels,
      channels,
      ...bounds,
    ),
  );
  return [tf.engine().makeTensorFromTensorInfo(dx), tf.tensor1d(dScale), tf.tensor1d(dOffset)];
}

/**
 * Numbers summed over each image, of the images of all replicas: [batch, length].
 * @param sum writes those of the image of x that begins at an address
 */
function gatherSums(
  kernels: LinkedKernels,
  exchange: Exchange,
  x: tf.Tensor4D,
  length: number,
  sum: (image: Address, target: Address) => void,
): Float32Array {
  const images = x.shape[0];
  const bytes = (4 * x.size) / images;
  const mine = kernels.scratch(4 * images * length, (sums) => {
    for (let i = 0; i < images; i++) sum(kernels.addressOf(x) + i * bytes, sums + 4 * i * length);
    return new Float32Array(kernels.heap(), sums, images * length).slice();
  });
  return exchange.gather(mine);
}

/** Lends vectors of the same length to `use` on the heap. */
function withVectors<T>(
  kernels: LinkedKernels,
  vectors: readonly Float32Array[],
  use: (...addresses: Address[]) => T,
): T {
  const { length } = vectors[0];
  return kernels.scratch(4 * length * vectors.length, (start) => {
    const addresses = vectors.map((_, i) => start + 4 * i * length);
    for (const [i, vector] of vectors.entries()) {
      new Float32Array(kernels.heap(), addresses[i], length).set(vector);
    }
    return use(...addresses);
  });
}
