import * as tf from '@tensorflow/tfjs-core';
import type { Frame } from '../../frame.js';
import { random, seedOf } from '../../random.js';
import { drawMasks } from '../dropout.js';
import type { Network } from '../network.js';
import { type ProbabilityMap, toHalves } from '../probability-map.js';
import { type ColourImage, InferenceNetwork } from './inference.js';

/** Draws averaged unless asked otherwise: the paper's D. */
export const DEFAULT_DRAWS = 20;

export interface McDropoutOptions {
  /** Dropout draws averaged, at least 1. */
  readonly draws: number;
  readonly seed: number;
}

/** What MC dropout reads of a frame. */
export type McDropoutFrame = ColourImage & Pick<Frame, 'scene' | 'id'>;

/**
 * MC dropout (paper, Eq. 1) on this thread's backend: the mean over D draws of the softmax at full resolution.
 *
 * Dropout acts only behind the backbone, so D whole passes share one pass of the backbone and differ in the head
 * alone: the same distribution, and for given masks the same numbers. Draw d of a frame takes its masks from the
 * seed, the scene, the frame's id and d.
 */
export class McDropout {
  private readonly inference: InferenceNetwork;

  constructor(
    private readonly network: Network,
    private readonly options: McDropoutOptions,
  ) {
    this.inference = new InferenceNetwork(network);
  }

  predict(frame: McDropoutFrame): ProbabilityMap {
    const { draws, seed } = this.options;
    const { config } = this.network;
    const { width, height, scene, id } = frame;
    const mean = tf.tidy(() => {
      const features = this.inference.features(frame);
      let sum: tf.Tensor4D | undefined;
      for (let draw = 0; draw < draws; draw++) {
        const next = random(seedOf(seed, scene, id, draw));
        // Each draw's tensors go before the next draw's come: memory does not grow with D.
        const before: tf.Tensor4D | undefined = sum;
        sum = tf.tidy(() => {
          const one = this.inference.probabilities(features, frame, drawMasks(config, 1, next));
          return before ? tf.add<tf.Tensor4D>(before, one) : one;
        });
        before?.dispose();
      }
      return tf.mul(sum!, 1 / draws);
    });
    // Read outside the tidy, which would look for tensors in every element of an array it returns.
    const data = toHalves(mean.dataSync<'float32'>());
    mean.dispose();
    return { width, height, classes: config.classes, data };
  }

  dispose(): void {
    this.inference.dispose();
  }
}
