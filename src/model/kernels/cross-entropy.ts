import * as tf from '@tensorflow/tfjs-core';
import type { Exchange } from '../training/exchange.js';
import type { LinkedKernels } from './link.js';

const FLOAT = Float32Array.BYTES_PER_ELEMENT;

/**
 * `TrainingOps.crossEntropy` in one pass over the pixels, which never holds more than a row of the upsampled logits.
 * Where no pixel counts, the loss and its gradient are 0. The loss of a hopeless pixel is exact where the composed
 * one stops at −ln 1e-30.
 *
 * Images are treated one by one and their sums combined in the order of the batch, so that loss and gradient have
 * the same bits for any number of replicas. An image's two sums are taken in f64 and rounded to float32 once, for
 * the exchange: 6e-8 of the loss at most, and nothing of a count of pixels below 2²⁴.
 */
export function crossEntropy(
  kernels: LinkedKernels,
  exchange: Exchange,
  logits: tf.Tensor4D,
  labels: tf.Tensor3D,
  classWeights?: Float32Array,
): tf.Scalar {
  const loss = tf.customGrad<tf.Scalar>((...args) => {
    const [input, save] = args as [tf.Tensor4D, tf.GradSaveFunc];
    const { gradient, sums } = lossSums(kernels, input, labels, classWeights);
    let total = 0;
    let weight = 0;
    const all = exchange.gather(sums);
    for (let i = 0; i < all.length; i += 2) {
      total += all[i];
      weight += all[i + 1];
    }
    const scale = weight > 0 ? 1 / weight : 0;
    save([gradient]);
    return {
      value: tf.scalar(total * scale),
      gradFunc: (dy, saved) => tf.tidy(() => tf.mul((saved as [tf.Tensor4D])[0], tf.mul(dy, scale))),
    };
  });
  return loss(logits);
}

/** Of each image [Σ weight·loss, Σ weight], and the gradient of the former by the logits. */
function lossSums(
  kernels: LinkedKernels,
  logits: tf.Tensor4D,
  labels: tf.Tensor3D,
  classWeights: Float32Array | undefined,
): { gradient: tf.Tensor; sums: Float32Array } {
  const [images, h, w, classes] = logits.shape;
  const [, height, width] = labels.shape;
  const output = kernels.allocate(logits.shape);
  const gradient = tf.engine().makeTensorFromTensorInfo(output);
  const sums = new Float32Array(2 * images);
  const padded = Math.ceil(classes / 4) * 4;
  const scratch = w * classes + w * padded + 4 * padded + 8;
  // The sums first: f64 lie at multiples of 8 bytes.
  kernels.scratch(16 + (classes + scratch) * FLOAT, (address) => {
    const weights = address + 16;
    new Float32Array(kernels.heap(), weights, classes).set(classWeights ?? new Float32Array(classes).fill(1));
    for (let i = 0; i < images; i++) {
      const small = i * h * w * classes * FLOAT;
      kernels.call.crossEntropy(
        kernels.addressOf(logits) + small,
        kernels.addressOf(labels) + i * height * width * FLOAT,
        weights,
        kernels.addressOf(gradient) + small,
        address,
        weights + classes * FLOAT,
        height,
        width,
        classes,
      );
      sums.set(new Float64Array(kernels.heap(), address, 2), 2 * i);
    }
  });
  return { gradient, sums };
}
