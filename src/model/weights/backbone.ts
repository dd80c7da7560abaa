import type { DeepLabConfig } from '../deeplab.js';
import type { HostTensor } from '../network.js';

/** Widths that DeepLab is built in here. */
export const BACKBONE_WIDTHS = [1, 0.35] as const satisfies readonly DeepLabConfig['width'][];
export type BackboneWidth = (typeof BACKBONE_WIDTHS)[number];

/** Weights of a MobileNetV2 trained on ImageNet, at rest. */
export interface Backbone {
  readonly width: BackboneWidth;
  /** Exactly the tensors that `parameterSpecs` lists under `backbone/`. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /**
   * `folded` if the file had the batch norm folded into filters and bias: then every scale is 1, every mean 0 and
   * every variance 1 − ε. That serves inference; before training, see `unfoldBatchNorm`.
   */
  readonly batchNorm: 'kept' | 'folded';
  /** Name of the file that it came from, and its format. */
  readonly source: string;
  /** Digest of that file, hexadecimal. */
  readonly sha256: string;
}

/**
 * What the file had after the backbone, for checks; segmentation has no use for it: `top`, a 1×1 convolution with
 * batch norm and ReLU6, then the mean over all pixels, then `classifier`, weights [1, 1, in, classes] and bias.
 */
export type ImageClassifier = ReadonlyMap<string, HostTensor>;
