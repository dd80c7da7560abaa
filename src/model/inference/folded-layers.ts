import * as tf from '@tensorflow/tfjs-core';
import { type Activation, BATCH_NORM_EPSILON, type Layers } from '../deeplab.js';
import { linkKernels } from '../kernels/link.js';
import { isPointwise, packFilters, pointwiseConv } from '../kernels/pointwise.js';
import type { Network } from '../network.js';
import { splitFilters } from '../split-filters.js';

interface FoldedLayer {
  /** One piece per input of the layer. */
  readonly filters: readonly tf.Tensor4D[];
  /** The same as our own kernel reads them, where it takes them; `filters` is then empty. */
  readonly packed?: readonly tf.Tensor3D[];
  readonly bias?: tf.Tensor1D;
}

/**
 * The layers as inference computes them: the batch norm's running statistics folded into filters and bias. A
 * layer is folded when first used and its tensors live until `dispose`, so that the wasm backend, which packs
 * filters once per tensor, packs them once.
 */
export class FoldedLayers implements Layers {
  private readonly folded = new Map<string, FoldedLayer>();

  /** @param kernels ours, on the wasm backend, or those of tfjs */
  constructor(
    private readonly tensors: Network['tensors'],
    private readonly kernels: 'ours' | 'stock' = 'stock',
  ) {}

  conv(name: string, inputs: readonly tf.Tensor4D[], stride: 1 | 2, activation: Activation): tf.Tensor4D {
    const { filters, packed, bias } = this.layer(name, inputs);
    if (packed && bias) return pointwiseConv(linkKernels(), inputs, packed, bias, activation);
    const pad = stride === 1 ? 'same' : 1;
    const isAlone = inputs.length === 1;
    const parts = inputs.map((x, i) =>
      tf.fused.conv2d({
        x,
        filter: filters[i],
        strides: stride,
        pad,
        activation: isAlone ? activation : 'linear',
        ...(i === 0 && bias ? { bias } : {}),
      }),
    );
    const sum = parts.reduce((left, right) => tf.add(left, right));
    return isAlone ? sum : activate(sum, activation);
  }

  depthwise(
    name: string,
    x: tf.Tensor4D,
    stride: 1 | 2,
    dilation: number,
    activation: Activation,
  ): tf.Tensor4D {
    const { filters, bias } = this.layer(name, [x]);
    return tf.fused.depthwiseConv2d({
      x,
      filter: filters[0],
      strides: stride,
      pad: stride === 1 ? 'same' : 1,
      dilations: dilation,
      bias: bias!,
      activation,
    });
  }

  filter(name: string, inputs: readonly tf.Tensor4D[], dilation: number): tf.Tensor4D[] {
    const { filters } = this.layer(name, inputs);
    return inputs.map((x, i) => tf.depthwiseConv2d(x, filters[i], 1, 'same', 'NHWC', dilation));
  }

  linear(name: string, x: tf.Tensor4D): tf.Tensor4D {
    return this.conv(name, [x], 1, 'linear');
  }

  dispose(): void {
    for (const { filters, packed = [], bias } of this.folded.values()) {
      tf.dispose([...filters, ...packed, ...(bias ? [bias] : [])]);
    }
    this.folded.clear();
  }

  private layer(name: string, inputs: readonly tf.Tensor4D[]): FoldedLayer {
    let layer = this.folded.get(name);
    if (layer === undefined) {
      layer = this.fold(name, inputs);
      this.folded.set(name, layer);
    }
    return layer;
  }

  /** w·scale/√(variance + ε) and offset − mean·scale/√(variance + ε), where the layer has a batch norm. */
  private fold(name: string, inputs: readonly tf.Tensor4D[]): FoldedLayer {
    const weights = this.tensors.get(`${name}/weights`)!;
    const [scale, offset, mean, variance, bias] = ['scale', 'offset', 'mean', 'variance', 'bias'].map(
      (role) => this.tensors.get(`${name}/${role}`)?.data,
    );
    let values = weights.data;
    let constants = bias;
    if (scale && offset && mean && variance) {
      const factors = scale.map((s, c) => s / Math.sqrt(variance[c] + BATCH_NORM_EPSILON));
      // The output channel is the innermost index of filters and of depthwise filters [3, 3, C, 1] alike.
      values = weights.data.map((w, i) => w * factors[i % factors.length]);
      constants = offset.map((o, c) => o - mean[c] * factors[c]);
    }
    const folded = tf.tidy(() => {
      const filters = splitFilters(
        tf.tensor<tf.Rank.R4>(values, [...weights.shape] as [number, number, number, number]),
        inputs,
      );
      if (constants === undefined) return { filters };
      const bias = tf.tensor1d(constants);
      const isPacked = this.kernels === 'ours' && isPointwise(weights.shape);
      return isPacked ? { filters: [], packed: filters.map(packFilters), bias } : { filters, bias };
    });
    // A layer may be used first inside a caller's tidy, which it outlives.
    for (const tensor of [...folded.filters, ...(folded.packed ?? [])]) tf.keep(tensor);
    if (folded.bias) tf.keep(folded.bias);
    return folded;
  }
}

function activate(x: tf.Tensor4D, activation: Activation): tf.Tensor4D {
  if (activation === 'relu') return tf.relu(x);
  return activation === 'relu6' ? tf.relu6(x) : x;
}
