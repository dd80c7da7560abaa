import * as tf from '@tensorflow/tfjs-core';
import type { Activation, Layers } from '../deeplab.js';

/** Number, mean and sum of squared deviations of what has come out of each channel of a layer. */
interface Moments {
  count: number;
  readonly mean: Float64Array;
  readonly squares: Float64Array;
}

/** The layers as another computes them, with the statistics of every normalised output recorded by channel. */
export class CalibratingLayers implements Layers {
  private readonly moments = new Map<string, Moments>();

  constructor(private readonly inner: Layers) {}

  conv(name: string, inputs: readonly tf.Tensor4D[], stride: 1 | 2, activation: Activation): tf.Tensor4D {
    return this.record(name, this.inner.conv(name, inputs, stride, 'linear'), activation);
  }

  depthwise(
    name: string,
    x: tf.Tensor4D,
    stride: 1 | 2,
    dilation: number,
    activation: Activation,
  ): tf.Tensor4D {
    return this.record(name, this.inner.depthwise(name, x, stride, dilation, 'linear'), activation);
  }

  filter(name: string, inputs: readonly tf.Tensor4D[], dilation: number): tf.Tensor4D[] {
    return this.inner.filter(name, inputs, dilation);
  }

  linear(name: string, x: tf.Tensor4D): tf.Tensor4D {
    return this.inner.linear(name, x);
  }

  /** Mean and variance (of the population, as batch norm takes it) by channel, of each layer before its activation. */
  *statistics(): Generator<[layer: string, mean: Float64Array, variance: Float64Array]> {
    for (const [name, { count, mean, squares }] of this.moments)
      yield [name, mean, squares.map((s) => s / count)];
  }

  private record(name: string, y: tf.Tensor4D, activation: Activation): tf.Tensor4D {
    const channels = y.shape[3];
    let moments = this.moments.get(name);
    if (moments === undefined) {
      moments = { count: 0, mean: new Float64Array(channels), squares: new Float64Array(channels) };
      this.moments.set(name, moments);
    }
    merge(
      moments,
      tf.tidy(() => batchMoments(y)),
      y.size / channels,
    );
    if (activation === 'relu') return tf.relu(y);
    return activation === 'relu6' ? tf.relu6(y) : y;
  }
}

interface BatchMoments {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

function batchMoments(y: tf.Tensor4D): { mean: tf.Tensor; variance: tf.Tensor } {
  return tf.moments(y, [0, 1, 2]);
}

/** Chan, Golub and LeVeque (1979), Eq. 2.1: merges statistics without the cancellation of Σx² − (Σx)²/n. */
function merge(
  into: Moments,
  { mean, variance }: { mean: tf.Tensor; variance: tf.Tensor },
  count: number,
): void {
  const batch: BatchMoments = { mean: mean.dataSync<'float32'>(), variance: variance.dataSync<'float32'>() };
  tf.dispose([mean, variance]);
  const total = into.count + count;
  for (let c = 0; c < batch.mean.length; c++) {
    const difference = batch.mean[c] - into.mean[c];
    into.mean[c] += (difference * count) / total;
    into.squares[c] += batch.variance[c] * count + (difference * difference * into.count * count) / total;
  }
  into.count = total;
}
