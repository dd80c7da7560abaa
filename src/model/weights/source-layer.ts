import type { HostTensor } from '../network.js';
import { Malformed } from './formats/malformed.js';

/** Bound on the layers of a file, whose filters may all be the same bytes; MobileNetV2 has 53. */
const MOST_LAYERS = 64;

/** A convolution of a file, with what follows it, in our layout. */
export interface SourceLayer {
  /** What the file calls its filters; for messages. */
  readonly name: string;
  /** [k, k, in, out], depthwise [3, 3, C, 1]; a dense layer is a 1×1 convolution. */
  readonly weights: HostTensor;
  /** The batch norm, or the bias that it was folded into. */
  readonly norm: SourceNorm;
}

export type SourceNorm =
  | {
      readonly kind: 'batchNorm';
      readonly scale: Float32Array;
      readonly offset: Float32Array;
      readonly mean: Float32Array;
      readonly variance: Float32Array;
      readonly epsilon: number;
    }
  | { readonly kind: 'bias'; readonly bias: Float32Array };

/** For formats that tell layers by their graph, before any is read. @throws Malformed if there are too many */
export function requireFewLayers(count: number): void {
  if (count > MOST_LAYERS) {
    throw new Malformed(`it has ${count} convolutions and dense layers where MobileNetV2 has 53`);
  }
}
