import * as tf from '@tensorflow/tfjs-core';
import { type Activation, type Layers, STEM } from '../deeplab.js';
import { splitFilters } from '../split-filters.js';
import type { Statistics } from './batch-norm.js';
import { conv2d, depthwiseConv2d } from './convolution.js';
import type { TrainingOps } from './training-ops.js';

/** Statistics of a batch by layer; whoever has them disposes them. */
export type BatchStatistics = ReadonlyMap<string, Statistics>;

/** The layers as training computes them: batch statistics, and every operation differentiable. */
export class TrainingLayers implements Layers {
  /** Batch statistics seen since the last `takeStatistics`, by layer; kept tensors. */
  private statistics = new Map<string, Statistics>();

  /** @param parameters by name; looked up at each use, so that the caller may replace them between steps */
  constructor(
    private readonly parameters: ReadonlyMap<string, tf.Tensor>,
    private readonly ops: TrainingOps,
  ) {}

  conv(name: string, inputs: readonly tf.Tensor4D[], stride: 1 | 2, activation: Activation): tf.Tensor4D {
    const filters = splitFilters(this.weights(name), inputs);
    const parts = inputs.map((x, i) => conv2d(x, filters[i], stride, name === STEM));
    return this.batchNorm(
      name,
      parts.reduce((sum, part) => tf.add(sum, part)),
      activation,
    );
  }

  depthwise(
    name: string,
    x: tf.Tensor4D,
    stride: 1 | 2,
    dilation: number,
    activation: Activation,
  ): tf.Tensor4D {
    return this.batchNorm(name, depthwiseConv2d(x, this.weights(name), stride, dilation), activation);
  }

  filter(name: string, inputs: readonly tf.Tensor4D[], dilation: number): tf.Tensor4D[] {
    const filters = splitFilters(this.weights(name), inputs);
    return inputs.map((x, i) => depthwiseConv2d(x, filters[i], 1, dilation));
  }

  linear(name: string, x: tf.Tensor4D): tf.Tensor4D {
    return this.ops.addBias(conv2d(x, this.weights(name), 1), this.parameter(`${name}/bias`) as tf.Tensor1D);
  }

  /** Hands over the batch statistics by layer name; the caller disposes them. */
  takeStatistics(): BatchStatistics {
    const taken = this.statistics;
    this.statistics = new Map();
    return taken;
  }

  private batchNorm(name: string, x: tf.Tensor4D, activation: Activation): tf.Tensor4D {
    const scale = this.parameter(`${name}/scale`) as tf.Tensor1D;
    const offset = this.parameter(`${name}/offset`) as tf.Tensor1D;
    const { y, mean, variance } = this.ops.batchNorm(x, scale, offset, activation);
    this.statistics.set(name, { mean, variance });
    return y;
  }

  private weights(name: string): tf.Tensor4D {
    return this.parameter(`${name}/weights`) as tf.Tensor4D;
  }

  private parameter(name: string): tf.Tensor {
    return this.parameters.get(name)!;
  }
}
