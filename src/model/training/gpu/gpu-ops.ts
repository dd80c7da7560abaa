import * as tf from '@tensorflow/tfjs-core';
import type { Activation } from '../../deeplab.js';
import { type PartialKernel, replaceKernel } from '../../kernels/replace-kernel.js';
import type { NormalisedBatch, Statistics } from '../batch-norm.js';
import { convInfo, type GradientAttrs, type Inputs, isPointwise, registerGradients } from '../gradients.js';
import type { TrainingOps } from '../training-ops.js';
import type { TrainingKernels } from './training-kernels.js';

/**
 * What a training step needs, by kernels of our own on the GPU, for a replica that has the whole batch. Registers the
 * gradients of convolutions too, for all replicas on a GPU of this thread.
 */
export function gpuOps(kernels: TrainingKernels): TrainingOps {
  registerGpuGradients(kernels);
  return {
    batchNorm: (x, scale, offset, activation) => batchNorm(kernels, x, scale, offset, activation),
    addBias: (x, bias) => tf.add(x, bias),
    crossEntropy: (logits, labels, classWeights) => crossEntropy(kernels, logits, labels, classWeights),
    follow: (running, batch, share) => {
      const { mean, variance } = kernels.follow(running, batch, share);
      return { mean: tracked(mean), variance: tracked(variance) };
    },
    momentumStep: (weights, gradient, velocity, options) => {
      const stepped = kernels.momentumStep(weights, gradient, velocity, options);
      return { weights: tracked(stepped.weights), velocity: tracked(stepped.velocity) };
    },
  };
}

/** Of the device that was opened last; an earlier one's tensors are gone with it. */
let current: TrainingKernels | undefined;

function registerGpuGradients(kernels: TrainingKernels): void {
  const isRegistered = current !== undefined;
  current = kernels;
  if (isRegistered) return;
  registerGradients('webgpu');
  for (const [kernelName, gradient] of Object.entries(GRADIENTS)) {
    replaceKernel(
      kernelName,
      ({ inputs, attrs }) => {
        return gradient(current!, inputs as unknown as Inputs, attrs as unknown as GradientAttrs);
      },
      'webgpu',
    );
  }
}

/** Gives undefined for what it does not cover. */
type Gradient = (kernels: TrainingKernels, inputs: Inputs, attrs: GradientAttrs) => ReturnType<PartialKernel>;

const GRADIENTS: Readonly<Record<string, Gradient>> = {
  [tf.Conv2DBackpropInput]: (_, { dy, filter }, attrs) => {
    const info = convInfo(attrs.inputShape, filter.shape, attrs, false);
    if (!isPointwise(info)) return undefined;
    const { inChannels, outChannels } = info;
    return tf.tidy(() => {
      const slopes: tf.Tensor2D = tf.reshape(dy, [dy.size / outChannels, outChannels]);
      const matrix: tf.Tensor2D = tf.reshape(filter, [inChannels, outChannels]);
      return tf.reshape(tf.matMul(slopes, matrix, false, true), attrs.inputShape);
    });
  },
  [tf.Conv2DBackpropFilter]: (kernels, { x, dy }, attrs) => {
    const info = convInfo(x.shape, attrs.filterShape, attrs, false);
    return isEven(info) ? kernels.convFilterGradient(x, dy, info) : undefined;
  },
  [tf.DepthwiseConv2dNativeBackpropFilter]: (kernels, { x, dy }, attrs) => {
    const info = convInfo(x.shape, attrs.filterShape, attrs, true);
    const isCovered = isEven(info) && info.filterHeight === 3 && attrs.filterShape[3] === 1;
    return isCovered ? kernels.depthwiseFilterGradient(x, dy, info) : undefined;
  },
  [tf.DepthwiseConv2dNativeBackpropInput]: (kernels, { dy, filter }, attrs) => {
    const info = convInfo(attrs.inputShape, filter.shape, attrs, true);
    const isCovered = isEven(info) && filter.shape[3] === 1;
    return isCovered ? kernels.depthwiseInputGradient(filter, dy, info) : undefined;
  },
};

/** Whether a convolution does the same along rows and columns, as ours all do. */
function isEven(info: tf.backend_util.Conv2DInfo): boolean {
  const { filterHeight, filterWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = info;
  return filterHeight === filterWidth && strideHeight === strideWidth && dilationHeight === dilationWidth;
}

function batchNorm(
  kernels: TrainingKernels,
  x: tf.Tensor4D,
  scale: tf.Tensor1D,
  offset: tf.Tensor1D,
  activation: Activation,
): NormalisedBatch {
  let statistics: Statistics | undefined;
  const normalise = tf.customGrad<tf.Tensor4D>((...args) => {
    const [input, gamma, beta, save] = args as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.GradSaveFunc];
    const { y, mean, variance, terms } = kernels.batchNorm(input, gamma, beta, activation);
    statistics = { mean: tf.keep(tracked(mean)), variance: tf.keep(tracked(variance)) };
    save([input, tracked(terms)]);
    return {
      value: tracked(y),
      gradFunc: (dy, [of, kept]) => {
        const gradients = kernels.batchNormGradient(of, dy, kept, activation).map(tracked);
        dy.dispose(); // nothing else uses it, and the tape would keep it to the end
        return gradients;
      },
    };
  });
  const y = normalise(x, scale, offset);
  return { y, ...statistics! };
}

function crossEntropy(
  kernels: TrainingKernels,
  logits: tf.Tensor4D,
  labels: tf.Tensor3D,
  classWeights?: Float32Array,
): tf.Scalar {
  const loss = tf.customGrad<tf.Scalar>((...args) => {
    const [input, save] = args as [tf.Tensor4D, tf.GradSaveFunc];
    const weights = tf.tensor1d(classWeights ?? new Float32Array(input.shape[3]).fill(1));
    const result = kernels.crossEntropy(input, labels, weights);
    save([tracked(result.gradient)]);
    return {
      value: tf.reshape(tf.slice(tracked(result.loss), 0, 1), []) as tf.Scalar,
      gradFunc: (dy, [gradient]) => tf.mul(gradient, dy),
    };
  });
  return loss(logits);
}

/** Known to tfjs, and so to the tidy that it is made in. */
function tracked<T extends tf.Tensor>(tensor: tf.TensorInfo): T {
  return tf.engine().makeTensorFromTensorInfo(tensor) as T;
}
