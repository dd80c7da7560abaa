import type * as tf from '@tensorflow/tfjs-core';
import { GROUP, KernelModule } from '../../../gpu/kernels.js';
import type { Activation } from '../../deeplab.js';
import { ACTIVATION_BOUNDS } from '../../kernels/activation-bounds.js';
import type { WebGpuTensors } from '../../webgpu-tensors.js';
import type { Statistics } from '../batch-norm.js';
import type { SgdOptions } from '../sgd.js';

/** Of a chunk of pixels, whose sums are one workgroup's for some channels. */
const LEAST_CHUNK = 256;
/** Workgroups that keep a large GPU busy. */
const MANY_GROUPS = 512;
/** Rows and columns of a filter's gradient that a workgroup computes; WGSL states the same. */
const TILE = 64;
/** The largest float32: as far as clamping goes, infinity, which WGSL does without. */
const LARGEST = 3.4028234663852886e38;

export type Shape4D = readonly [number, number, number, number];

/** What is kept of batch norm for its gradient: [C, 4]. */
export type NormTerms = tf.TensorInfo;

async function loadModules({ gpu }: WebGpuTensors) {
  const load = <Entry extends string>(files: readonly string[], entries: readonly Entry[]) => {
    const sources = files.map((name) => new URL(`./${name}.wgsl`, import.meta.url));
    return KernelModule.load(gpu, sources, entries, {});
  };
  const sums = ['products', 'totals'] as const;
  const [
    batchNorm,
    batchNormGradient,
    filters,
    depthwiseFilters,
    depthwiseInput,
    crossEntropy,
    momentum,
    statistics,
  ] = await Promise.all([
    load(['channels', 'batch-norm'], ['moments', 'statistics', 'normalise']),
    load(['channels', 'batch-norm-gradient'], ['slopes', 'totals', 'gradient']),
    load(['convolution', 'filter-gradient'], sums),
    load(['channels', 'convolution', 'depthwise-filter-gradient'], sums),
    load(['convolution', 'depthwise-input-gradient'], ['gradient']),
    load(['cross-entropy'], ['losses', 'mean', 'slopes']),
    load(['momentum'], ['descend']),
    load(['running-statistics'], ['follow']),
  ]);
  return {
    batchNorm,
    batchNormGradient,
    filters,
    depthwiseFilters,
    depthwiseInput,
    crossEntropy,
    momentum,
    statistics,
  };
}

/**
 * Our own kernels of a training step on the GPU. Each call records commands after those of tfjs and gives new tensors,
 * the caller's. All sums are taken in one fixed order.
 */
export class TrainingKernels {
  private constructor(
    private readonly tensors: WebGpuTensors,
    private readonly modules: Awaited<ReturnType<typeof loadModules>>,
  ) {}

  /** Compiles the kernels, once a device. */
  static async load(tensors: WebGpuTensors): Promise<TrainingKernels> {
    return new TrainingKernels(tensors, await loadModules(tensors));
  }

  /** activation(batch norm of x [N, H, W, C]), with the batch's mean and biased variance [C]. */
  batchNorm(
    x: tf.TensorInfo,
    scale: tf.TensorInfo,
    offset: tf.TensorInfo,
    activation: Activation,
  ): { y: tf.TensorInfo; mean: tf.TensorInfo; variance: tf.TensorInfo; terms: NormTerms } {
    const { tensors } = this;
    const share = shareOut(x.shape);
    const channels = [share.channels];
    const [mean, variance] = [tensors.allocate(channels), tensors.allocate(channels)];
    const terms = tensors.allocate([share.channels, 4]);
    const y = tensors.allocate(x.shape);
    const partial = tensors.allocate([share.chunks, share.channels, 2]);
    const bound = { x, scale, offset, partial, mean, variance, terms, y };
    tensors.compute(this.modules.batchNorm, { norm: normWords(share, activation), ...bound }, [
      ['moments', share.groups],
      ['statistics', groupsOf(share.channels)],
      ['normalise', groupsOf(share.pixels * share.channels)],
    ]);
    tensors.free(partial);
    return { y, mean, variance, terms };
  }

  /** The gradients of `batchNorm` by x, scale and offset. */
  batchNormGradient(
    x: tf.TensorInfo,
    dy: tf.TensorInfo,
    terms: NormTerms,
    activation: Activation,
  ): [dx: tf.TensorInfo, dScale: tf.TensorInfo, dOffset: tf.TensorInfo] {
    const { tensors } = this;
    const share = shareOut(x.shape);
    const dx = tensors.allocate(x.shape);
    const dScale = tensors.allocate([share.channels]);
    const dOffset = tensors.allocate([share.channels]);
    const partial = tensors.allocate([share.chunks, share.channels, 2]);
    const bound = { x, dy, terms, partial, d_scale: dScale, d_offset: dOffset, dx };
    tensors.compute(this.modules.batchNormGradient, { norm: normWords(share, activation), ...bound }, [
      ['slopes', share.groups],
      ['totals', groupsOf(share.channels)],
      ['gradient', groupsOf(share.pixels * share.channels)],
    ]);
    tensors.free(partial);
    return [dx, dScale, dOffset];
  }

  /** The gradient by the filters of a convolution, square and not dilated. */
  convFilterGradient(x: tf.TensorInfo, dy: tf.TensorInfo, info: tf.backend_util.Conv2DInfo): tf.TensorInfo {
    const { tensors } = this;
    const rows = info.filterHeight * info.filterWidth * info.inChannels;
    const tiles = Math.ceil(rows / TILE) * Math.ceil(info.outChannels / TILE);
    const pixels = outputPixels(info);
    const chunk = Math.max(LEAST_CHUNK, Math.ceil((pixels * tiles) / MANY_GROUPS));
    const chunks = Math.ceil(pixels / chunk);
    const dw = tensors.allocate(info.filterShape);
    const partial = tensors.allocate([chunks, ...info.filterShape]);
    const product = uniform([...convolutionWords(info), chunk]);
    tensors.compute(this.modules.filters, { product, x, dy, partial, dw }, [
      ['products', tiles * chunks],
      ['totals', groupsOf(rows * info.outChannels)],
    ]);
    tensors.free(partial);
    return dw;
  }

  /** The gradient by the filters of a depthwise convolution, 3×3 and one a channel. */
  depthwiseFilterGradient(
    x: tf.TensorInfo,
    dy: tf.TensorInfo,
    info: tf.backend_util.Conv2DInfo,
  ): tf.TensorInfo {
    const { tensors } = this;
    const share = shareOut(dy.shape);
    const dw = tensors.allocate(info.filterShape);
    const partial = tensors.allocate([share.chunks, ...info.filterShape]);
    const product = uniform([...convolutionWords(info), ...shareWords(share)]);
    tensors.compute(this.modules.depthwiseFilters, { product, x, dy, partial, dw }, [
      ['products', share.groups],
      ['totals', groupsOf(9 * share.channels)],
    ]);
    tensors.free(partial);
    return dw;
  }

  /** The gradient by the input of a depthwise convolution, square and one filter a channel. */
  depthwiseInputGradient(
    filters: tf.TensorInfo,
    dy: tf.TensorInfo,
    info: tf.backend_util.Conv2DInfo,
  ): tf.TensorInfo {
    const { tensors } = this;
    const dx = tensors.allocate(info.inShape);
    const length = info.inShape.reduce((product, side) => product * side, 1);
    const spread = uniform([...convolutionWords(info), length]);
    tensors.compute(this.modules.depthwiseInput, { spread, filters, dy, dx }, [
      ['gradient', groupsOf(length)],
    ]);
    return dx;
  }

  /** `TrainingOps.crossEntropy` and its gradient by the logits; of the loss [2] the first is it. */
  crossEntropy(
    logits: tf.TensorInfo,
    labels: tf.TensorInfo,
    classWeights: tf.TensorInfo,
  ): { loss: tf.TensorInfo; gradient: tf.TensorInfo } {
    const { tensors } = this;
    const [images, height, width] = labels.shape;
    const pixels = images * height * width;
    const loss = tensors.allocate([2]);
    const gradient = tensors.allocate(logits.shape);
    const normalisers = tensors.allocate(labels.shape);
    const partial = tensors.allocate([groupsOf(pixels), 2]);
    const bound = { logits, labels, class_weights: classWeights, normalisers, partial, loss, gradient };
    const imageSet = uniform([images, height, width, logits.shape[3]]);
    tensors.compute(this.modules.crossEntropy, { image_set: imageSet, ...bound }, [
      ['losses', groupsOf(pixels)],
      ['mean', 1],
      ['slopes', groupsOf(logits.shape.reduce((product, side) => product * side, 1))],
    ]);
    tensors.free(normalisers);
    tensors.free(partial);
    return { loss, gradient };
  }

  /** `TrainingOps.follow`. */
  follow(
    running: Statistics,
    batch: Statistics,
    share: number,
  ): { mean: tf.TensorInfo; variance: tf.TensorInfo } {
    const { tensors } = this;
    const { mean, variance } = running;
    const moved = { mean: tensors.allocate(mean.shape), variance: tensors.allocate(mean.shape) };
    const bound = { batch_mean: batch.mean, batch_variance: batch.variance };
    const results = { new_mean: moved.mean, new_variance: moved.variance };
    const step = uniform([mean.size], [share]);
    tensors.compute(this.modules.statistics, { step, mean, variance, ...bound, ...results }, [
      ['follow', groupsOf(mean.size)],
    ]);
    return moved;
  }

  /** `TrainingOps.momentumStep`. */
  momentumStep(
    weights: tf.Tensor,
    gradient: tf.Tensor,
    velocity: tf.Tensor,
    { learningRate, momentum, weightDecay }: SgdOptions,
  ): { weights: tf.TensorInfo; velocity: tf.TensorInfo } {
    const { tensors } = this;
    const newWeights = tensors.allocate(weights.shape);
    const newVelocity = tensors.allocate(weights.shape);
    const bound = { weights, gradient, velocity, new_weights: newWeights, new_velocity: newVelocity };
    const step = uniform([weights.size], [learningRate, momentum, weightDecay]);
    tensors.compute(this.modules.momentum, { step, ...bound }, [['descend', groupsOf(weights.size)]]);
    return { weights: newWeights, velocity: newVelocity };
  }
}

/** How sums over the pixels of [N, H, W, C] are shared out among workgroups; see channels.wgsl. */
interface Share {
  readonly pixels: number;
  readonly channels: number;
  readonly chunk: number;
  readonly chunks: number;
  readonly lanes: number;
  readonly groups: number;
}

function shareOut([images, height, width, channels]: readonly number[]): Share {
  const pixels = images * height * width;
  const lanes = Math.min(64, 2 ** Math.ceil(Math.log2(channels)));
  const columns = Math.ceil(channels / lanes);
  const chunk = Math.max(LEAST_CHUNK, Math.ceil((pixels * columns) / MANY_GROUPS));
  const chunks = Math.ceil(pixels / chunk);
  return { pixels, channels, chunk, chunks, lanes, groups: columns * chunks };
}

function shareWords({ pixels, channels, chunk, lanes }: Share): number[] {
  return [pixels, channels, chunk, lanes];
}

function normWords(share: Share, activation: Activation): Uint32Array {
  const bounds = ACTIVATION_BOUNDS[activation].map((bound) => Math.min(LARGEST, Math.max(-LARGEST, bound)));
  return uniform(shareWords(share), bounds);
}

/** A struct of u32 and, after them, f32. */
function uniform(integers: readonly number[], floats: readonly number[] = []): Uint32Array {
  const words = new Uint32Array(integers.length + floats.length);
  words.set(integers);
  new Float32Array(words.buffer).set(floats, integers.length);
  return words;
}

function convolutionWords(info: tf.backend_util.Conv2DInfo): number[] {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, outChannels } = info;
  const { filterWidth, strideWidth, dilationWidth, padInfo } = info;
  const { top, left } = padInfo;
  const geometry = [filterWidth, strideWidth, dilationWidth, top, left];
  return [inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, ...geometry, outputPixels(info)];
}

function outputPixels({ batchSize, outHeight, outWidth }: tf.backend_util.Conv2DInfo): number {
  return batchSize * outHeight * outWidth;
}

/** Workgroups that have a thread for each. */
function groupsOf(threads: number): number {
  return Math.ceil(threads / GROUP);
}
