import * as tf from '@tensorflow/tfjs-core';
import { type Activation, BATCH_NORM_EPSILON, type Layers } from '../../src/model/deeplab.js';
import type { Network } from '../../src/model/network.js';

/**
 * The layers written the plain way: inputs concatenated, batch norm by its running statistics, nothing folded,
 * nothing cached. Call within `tf.tidy`.
 */
export class ReferenceLayers implements Layers {
  constructor(private readonly network: Network) {}

  conv(name: string, inputs: readonly tf.Tensor4D[], stride: 1 | 2, activation: Activation): tf.Tensor4D {
    const filter = this.tensor(`${name}/weights`) as tf.Tensor4D;
    const y = tf.conv2d(concatenated(inputs), filter, stride, (filter.shape[0] - 1) / 2);
    return this.normalised(name, y, activation);
  }

  depthwise(
    name: string,
    x: tf.Tensor4D,
    stride: 1 | 2,
    dilation: number,
    activation: Activation,
  ): tf.Tensor4D {
    const filter = this.tensor(`${name}/weights`) as tf.Tensor4D;
    return this.normalised(
      name,
      tf.depthwiseConv2d(x, filter, stride, dilation, 'NHWC', dilation),
      activation,
    );
  }

  filter(name: string, inputs: readonly tf.Tensor4D[], dilation: number): tf.Tensor4D[] {
    const filter = this.tensor(`${name}/weights`) as tf.Tensor4D;
    return [tf.depthwiseConv2d(concatenated(inputs), filter, 1, dilation, 'NHWC', dilation)];
  }

  linear(name: string, x: tf.Tensor4D): tf.Tensor4D {
    return tf.add(
      tf.conv2d(x, this.tensor(`${name}/weights`) as tf.Tensor4D, 1, 0),
      this.tensor(`${name}/bias`),
    );
  }

  private normalised(name: string, x: tf.Tensor4D, activation: Activation): tf.Tensor4D {
    const [mean, variance, offset, scale] = ['mean', 'variance', 'offset', 'scale'].map(
      (role) => this.tensor(`${name}/${role}`) as tf.Tensor1D,
    );
    const y = tf.batchNorm4d(x, mean!, variance!, offset!, scale!, BATCH_NORM_EPSILON);
    if (activation === 'linear') return y;
    return activation === 'relu' ? tf.relu(y) : tf.minimum(tf.relu(y), 6);
  }

  private tensor(name: string): tf.Tensor {
    const { shape, data } = this.network.tensors.get(name)!;
    return tf.tensor(data, [...shape]);
  }
}

/** Along the channels; an input of one pixel is repeated over the image. */
function concatenated(inputs: readonly tf.Tensor4D[]): tf.Tensor4D {
  const [, height, width] = inputs[0]!.shape;
  return tf.concat(
    inputs.map((x) => (x.shape[1] === height ? x : tf.tile(x, [1, height, width, 1]))),
    3,
  );
}
