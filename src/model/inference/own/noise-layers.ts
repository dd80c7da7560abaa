import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { gaussian, type Random } from '../../../random.js';

/** What a layer does to its input while training. */
type Noise = (x: tf.Tensor, next: Random) => tf.Tensor;

type Layer = tfl.layers.Layer;

/**
 * The noise of a dropout-like layer, drawn from our own streams: the layers' own would take unseeded ones. Undefined
 * for every other layer, and where its rate leaves the input as it is.
 */
export function noiseOf(layer: Layer): Noise | undefined {
  const { rate = 0, stddev = 0 } = layer.getConfig() as { rate?: number; stddev?: number };
  const drops = rate > 0 && rate < 1;
  const { noiseShape } = layer as { noiseShape?: readonly (number | null)[] | null };
  const maskShape = (x: tf.Tensor) => x.shape.map((side, axis) => noiseShape?.[axis] ?? side);
  switch (layer.getClassName()) {
    case 'Dropout':
      return drops ? (x, next) => dropout(x, maskShape(x), rate, next) : undefined;
    case 'SpatialDropout1D':
    case 'SpatialDropout2D':
      return drops ? (x, next) => dropout(x, wholeChannels(x), rate, next) : undefined;
    case 'AlphaDropout':
      return drops ? (x, next) => alphaDropout(x, maskShape(x), rate, next) : undefined;
    case 'GaussianDropout': {
      const deviation = Math.sqrt(rate / (1 - rate));
      return drops ? (x, next) => tf.mul(x, normal(x.shape, 1, deviation, next)) : undefined;
    }
    case 'GaussianNoise':
      return stddev > 0 ? (x, next) => tf.add(x, normal(x.shape, 0, stddev, next)) : undefined;
    default:
      return undefined;
  }
}

/** Keeps an element with probability 1 − rate and scales it so that the mean stays (Srivastava et al., 2014). */
function dropout(x: tf.Tensor, maskShape: number[], rate: number, next: Random): tf.Tensor {
  return tf.mul(x, keepMask(maskShape, rate, 1 / (1 - rate), next));
}

/** The constants of SELU, whose negative saturation is −αλ (Klambauer et al., 2017, Eq. 14). */
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

/**
 * Sets dropped elements to SELU's saturation, then brings mean and variance back (Klambauer et al., 2017, §3), as
 * Keras does; tfjs 4.22 takes the saturation with the wrong sign.
 */
function alphaDropout(x: tf.Tensor, maskShape: number[], rate: number, next: Random): tf.Tensor {
  const saturation = -SELU_ALPHA * SELU_SCALE;
  const a = ((1 - rate) * (1 + rate * saturation ** 2)) ** -0.5;
  const b = -a * saturation * rate;
  const kept = keepMask(maskShape, rate, 1, next);
  const dropped = tf.mul(tf.sub(1, kept), saturation);
  return tf.add(tf.mul(tf.add(tf.mul(x, kept), dropped), a), b);
}

/** [N, 1, …, 1, C]: what makes dropout take or leave a channel as a whole (Tompson et al., 2015). */
function wholeChannels({ shape }: tf.Tensor): number[] {
  return shape.map((side, axis) => (axis === 0 || axis === shape.length - 1 ? side : 1));
}

function keepMask(shape: number[], rate: number, kept: number, next: Random): tf.Tensor {
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  for (let i = 0; i < values.length; i++) values[i] = next() < rate ? 0 : kept;
  return tf.tensor(values, shape);
}

function normal(shape: number[], mean: number, deviation: number, next: Random): tf.Tensor {
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  for (let i = 0; i < values.length; i++) values[i] = mean + deviation * gaussian(next);
  return tf.tensor(values, shape);
}

/** Keras has this layer and its models use it; tfjs-layers has the one-dimensional sister alone. */
class SpatialDropout2D extends tfl.layers.Layer {
  static readonly className = 'SpatialDropout2D';
  private readonly rate: number;

  constructor({ rate, ...args }: { readonly rate: number }) {
    super(args);
    this.rate = rate;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    return inputs;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), rate: this.rate };
  }
}

/** Lets models with a SpatialDropout2D be loaded. */
export function registerSpatialDropout2D(): void {
  tf.serialization.registerClass(SpatialDropout2D);
}
