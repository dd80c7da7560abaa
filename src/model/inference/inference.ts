import * as tf from '@tensorflow/tfjs-core';
import type { Frame } from '../../frame.js';
import { type DropoutMasks, decode, type Features, features, logits, upsample4 } from '../deeplab.js';
import { registerUpsampling } from '../kernels/upsample.js';
import type { Network } from '../network.js';
import { FoldedLayers } from './folded-layers.js';

/** The part of a frame that a network looks at. */
export type ColourImage = Pick<Frame, 'width' | 'height' | 'colour'>;

/**
 * A network with its tensors on this thread's backend, batch norm folded. The owner disposes it; tensors that a
 * method returns are the caller's.
 */
export class InferenceNetwork {
  private readonly layers: FoldedLayers;

  /** @param kernels ours where the backend is wasm; stock ones are what they are compared with */
  constructor(
    private readonly network: Network,
    kernels: 'ours' | 'stock' = tf.getBackend() === 'wasm' ? 'ours' : 'stock',
  ) {
    if (kernels === 'ours') registerUpsampling();
    this.layers = new FoldedLayers(network.tensors, kernels);
  }

  /** The deterministic part of the network. */
  features(image: ColourImage): Features {
    return tf.tidy(() => {
      const { high, low } = features(this.layers, this.network.config, imageTensor(image));
      return { high: [...high], low };
    });
  }

  /** Logits [1, ⌈H/4⌉, ⌈W/4⌉, C] of one draw; dropout off without masks. */
  logits(of: Features, masks?: DropoutMasks): tf.Tensor4D {
    return tf.tidy(() => logits(this.layers, of, masks));
  }

  /** The likeliest class of each pixel, H×W, dropout off. */
  labels(image: ColourImage): Uint8Array {
    const likeliest = this.likeliest(image);
    const labels = new Uint8Array(likeliest.dataSync());
    likeliest.dispose();
    return labels;
  }

  /** What `labels` reads, [1, H, W], int32. */
  likeliest(image: ColourImage): tf.Tensor3D {
    const { width, height } = image;
    return tf.tidy(() => tf.argMax(upsample4(this.logits(this.features(image)), height, width), 3));
  }

  /**
   * The decoder's last feature maps, dropout off, averaged over all their pixels: what core-set selection (Sener and
   * Savarese 2018) compares images by. One value a channel, 64 of the slim head and 256 of the full one.
   */
  describe(image: ColourImage): Float32Array {
    const mean = this.meanFeatures(image);
    const values = mean.dataSync<'float32'>();
    mean.dispose();
    return values;
  }

  /** What `describe` reads, [1, channels]. */
  meanFeatures(image: ColourImage): tf.Tensor {
    return tf.tidy(() => tf.mean(decode(this.layers, this.features(image)), [1, 2]));
  }

  dispose(): void {
    this.layers.dispose();
  }
}

/** Colours as the network takes them, in [−1, 1]: the input of MobileNetV2's published weights. */
export function normaliseColour(value: number): number {
  return value / 127.5 - 1;
}

function imageTensor({ width, height, colour }: ColourImage): tf.Tensor4D {
  if (colour.length !== width * height * 3) {
    throw new RangeError(`expected ${width}×${height}×3 bytes of colour, got ${colour.length}`);
  }
  const values = new Float32Array(colour.length);
  for (let i = 0; i < values.length; i++) values[i] = normaliseColour(colour[i]);
  return tf.tensor4d(values, [1, height, width, 3]);
}
