import type { HostTensor } from '../network.js';

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
