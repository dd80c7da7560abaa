import * as tf from '@tensorflow/tfjs-core';
import type { Frame } from '../../frame.js';
import { type Random, random, seedOf } from '../../random.js';
import { drawMasks } from '../dropout.js';
import { linkKernels } from '../kernels/link.js';
import { meanSoftmax as fusedMeanSoftmax } from '../kernels/mean-softmax.js';
import type { Network } from '../network.js';
import type { ProbabilityMap } from '../probability-map.js';
import { type ColourImage, InferenceNetwork } from './inference.js';
import { meanSoftmax } from './mean-softmax.js';

/** Draws averaged unless asked otherwise: the paper's D. */
export const DEFAULT_DRAWS = 20;

export interface McDropoutOptions {
  /** Dropout draws averaged, D; 0 for dropout off: one pass, in which nothing is random. */
  readonly draws: number;
  readonly seed: number;
}

/** What MC dropout reads of a frame. */
export type McDropoutFrame = ColourImage & Pick<Frame, 'scene' | 'id'>;

/** What a draw takes its masks from: on every backend the same. */
export function streamOf(seed: number, { scene, id }: McDropoutFrame, draw: number): Random {
  return random(seedOf(seed, scene, id, draw));
}

/**
 * MC dropout (paper, Eq. 1) on this thread's backend: the mean over D draws of the softmax at full resolution.
 *
 * Dropout acts only behind the backbone, so D whole passes share one pass of the backbone and differ in the head
 * alone: the same distribution, and for given masks the same numbers. Draw d of a frame takes its masks from the
 * seed, the scene, the frame's id and d. With no draws the map is the softmax of one pass with dropout off.
 */
export class McDropout {
  /** The network with dropout off; this class disposes it. */
  readonly inference: InferenceNetwork;

  constructor(
    private readonly network: Network,
    private readonly options: McDropoutOptions,
  ) {
    this.inference = new InferenceNetwork(network);
  }

  predict(frame: McDropoutFrame): ProbabilityMap {
    const { draws, seed } = this.options;
    const { config } = this.network;
    const { width, height } = frame;
    const features = this.inference.features(frame);
    const logitsOf = (draw: number) =>
      tf.tidy(() => {
        if (draws === 0) return this.inference.logits(features);
        const masks = drawMasks(config, [streamOf(seed, frame, draw)]);
        return this.inference.logits(features, masks);
      });
    const passes = Math.max(draws, 1);
    try {
      const data =
        tf.getBackend() === 'wasm'
          ? fusedMeanSoftmax(linkKernels(), frame, config.classes, passes, logitsOf)
          : meanSoftmax(frame, passes, logitsOf);
      return { width, height, classes: config.classes, data };
    } finally {
      tf.dispose([...features.high, features.low]);
    }
  }

  dispose(): void {
    this.inference.dispose();
  }
}
