import * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../../errors.js';
import type { Size } from '../../frame.js';
import { BATCH_NORM_EPSILON, features } from '../deeplab.js';
import { FoldedLayers } from '../inference/folded-layers.js';
import type { HostTensor, Network } from '../network.js';
import { CalibratingLayers } from './calibrating-layers.js';

/** An image to measure statistics on. */
export interface CalibrationImage extends Size {
  /** H×W×3, RGB, colour / 127.5 − 1. */
  readonly colour: Float32Array;
}

/**
 * Gives a backbone whose batch norm was folded into its filters a batch norm again, without changing what it
 * computes at inference, so that it can be trained.
 *
 * Folded, a layer is y = z + b with z the convolution. Taken as a batch norm of scale 1 and offset b, training would
 * put (z − μ)/σ + b in its place, with the statistics of the batch: another function. So the images are sent
 * through, and of each channel the mean m and variance v of y are measured; with filters as they are,
 *
 *     mean = m − b,  variance = v,  scale = √(v + ε),  offset = m
 *
 * is y at inference exactly, and in training as near to it as a batch's statistics are to the images'. A channel
 * that hardly varies on them needs no floor of its own, since ε = 1e-3 is one: it gets the scale √ε, not 0, and a
 * gain in training of √((v + ε)/(batch variance + ε)) times that of inference: 1 while it stays still, less once it
 * wakes, never the 1/σ that would blow its gradients up.
 *
 * Works on any network, folded or not: filters are folded first, then measured.
 *
 * @param images some tens of the images to train on, of any sizes; each is sent through by itself
 * @returns a network that shares the tensors outside the backbone
 * @throws UserError if there are no images
 */
export function unfoldBatchNorm(network: Network, images: readonly CalibrationImage[]): Network {
  if (images.length === 0) throw new UserError('Expected at least one image to measure the batch norm on.');
  const folded = new FoldedLayers(network.tensors);
  const layers = new CalibratingLayers(folded);
  try {
    for (const { width, height, colour } of images) {
      tf.tidy(() => {
        features(layers, network.config, tf.tensor4d(colour, [1, height, width, 3]));
      });
    }
  } finally {
    folded.dispose();
  }
  const tensors = new Map(network.tensors);
  for (const [name, mean, variance] of layers.statistics()) unfold(tensors, name, mean, variance);
  return { ...network, tensors };
}

function unfold(
  tensors: Map<string, HostTensor>,
  layer: string,
  outputMean: Float64Array,
  outputVariance: Float64Array,
): void {
  const get = (role: string) => tensors.get(`${layer}/${role}`)!;
  const [scale, offset, mean, variance] = ['scale', 'offset', 'mean', 'variance'].map(
    (role) => get(role).data,
  );
  const weights = get('weights');
  const factors = Float64Array.from(scale, (s, c) => s / Math.sqrt(variance[c] + BATCH_NORM_EPSILON));
  const set = (role: string, data: Float32Array) => tensors.set(`${layer}/${role}`, { ...get(role), data });
  // The output channel is the innermost index of filters and of depthwise filters [3, 3, C, 1] alike.
  set(
    'weights',
    weights.data.map((w, i) => w * factors[i % factors.length]),
  );
  // What the folded layer adds to the convolution is offset − mean·factor.
  set(
    'mean',
    Float32Array.from(outputMean, (m, c) => m - (offset[c] - mean[c] * factors[c])),
  );
  set('variance', Float32Array.from(outputVariance));
  set(
    'scale',
    Float32Array.from(outputVariance, (v) => Math.sqrt(v + BATCH_NORM_EPSILON)),
  );
  set('offset', Float32Array.from(outputMean));
}
