import * as tf from '@tensorflow/tfjs-core';
import { random, seedOf } from '../../random.js';
import { type BackboneOutput, backbone } from '../deeplab.js';
import { FoldedLayers } from '../inference/folded-layers.js';
import type { Network } from '../network.js';
import { drawWindow } from './crop.js';
import { prepareSample } from './prepare.js';
import type { TrainingOptions } from './recipe.js';
import type { Sample } from './samples.js';

/** Bytes of features kept on the backend at most, by each replica; images past that are looked at each time they come up. */
const MOST_KEPT = 400e6;

/** What the backbone makes of one crop [1, …], and the crop's labels. */
interface Seen extends BackboneOutput {
  readonly labels: Int32Array;
  /** Whether it stays for the next time the crop comes up. */
  readonly isKept: boolean;
}

/** What the head learns from in one step; the caller disposes the tensors. */
export interface SeenBatch extends BackboneOutput {
  /** [n, h, w] class indices of the crops. */
  readonly labels: Int32Array;
}

/**
 * The backbone of a network in training that stays as it is, batch norm by its running statistics. Where crops are
 * whole images, mirrored or not, it looks at each once and keeps what it saw. Owns its tensors until `dispose`.
 */
export class FrozenBackbone {
  private readonly layers: FoldedLayers;
  /** By 2 × the image's index, plus one where mirrored. */
  private readonly kept = new Map<number, Seen>();
  private bytes = 0;
  private readonly isRepeated: boolean;

  constructor(
    private readonly network: Network,
    private readonly options: TrainingOptions,
  ) {
    this.layers = new FoldedLayers(network.tensors, tf.getBackend() === 'wasm' ? 'ours' : 'stock');
    this.isRepeated = options.augment.every((augmentation) => augmentation === 'flip');
  }

  look(samples: readonly Sample[]): SeenBatch {
    const seen = samples.map((sample) => this.lookOnce(sample));
    const high = tf.concat(seen.map((one) => one.high));
    const low = tf.concat(seen.map((one) => one.low));
    for (const one of seen) if (!one.isKept) tf.dispose([one.high, one.low]);
    const area = seen[0].labels.length;
    const labels = new Int32Array(samples.length * area);
    for (const [i, one] of seen.entries()) labels.set(one.labels, i * area);
    return { high, low, labels };
  }

  dispose(): void {
    this.layers.dispose();
    for (const { high, low } of this.kept.values()) tf.dispose([high, low]);
    this.kept.clear();
  }

  private lookOnce(sample: Sample): Seen {
    if (!this.isRepeated) return { ...this.compute(sample), isKept: false };
    const { seed } = this.options;
    const { isMirrored } = drawWindow(
      sample.image,
      this.options,
      random(seedOf(seed, 'crop', sample.number)),
    );
    const key = 2 * sample.index + (isMirrored ? 1 : 0);
    const known = this.kept.get(key);
    if (known !== undefined) return known;
    const computed = this.compute(sample);
    const size = 4 * (computed.high.size + computed.low.size);
    const seen = { ...computed, isKept: this.bytes + size <= MOST_KEPT };
    if (seen.isKept) {
      this.kept.set(key, seen);
      this.bytes += size;
    }
    return seen;
  }

  private compute(sample: Sample): SeenBatch {
    const { width, height } = this.options.crop;
    const colour = new Float32Array(width * height * 3);
    const labels = new Int32Array(width * height);
    prepareSample(sample, this.options, colour, labels);
    const [high, low] = tf.tidy(() => {
      const seen = backbone(this.layers, this.network.config, tf.tensor4d(colour, [1, height, width, 3]));
      return [seen.high, seen.low];
    });
    return { high, low, labels };
  }
}
