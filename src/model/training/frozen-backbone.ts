import * as tf from '@tensorflow/tfjs-core';
import { random, seedOf } from '../../random.js';
import { type BackboneOutput, backbone } from '../deeplab.js';
import { FoldedLayers } from '../inference/folded-layers.js';
import type { Network } from '../network.js';
import { drawWindow } from './crop.js';
import { prepareSample } from './prepare.js';
import type { TrainingOptions } from './recipe.js';
import type { Sample } from './samples.js';

/** Bytes of features kept at most, by each replica; images past that are looked at each time they come up. */
const MOST_KEPT = 400e6;

/** What the backbone makes of one crop, and the crop's labels. */
interface Seen {
  readonly high: Float32Array;
  readonly low: Float32Array;
  readonly labels: Int32Array;
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
  /** Of one image's features. */
  private shapes: { readonly high: readonly number[]; readonly low: readonly number[] } | undefined;

  constructor(
    private readonly network: Network,
    private readonly options: TrainingOptions,
  ) {
    this.layers = new FoldedLayers(network.tensors, tf.getBackend() === 'wasm' ? 'ours' : 'stock');
    this.isRepeated = options.augment.every((augmentation) => augmentation === 'flip');
  }

  look(samples: readonly Sample[]): SeenBatch {
    const seen = samples.map((sample) => this.lookOnce(sample));
    const { high, low } = this.shapes!;
    const stack = (parts: readonly Float32Array[], [, height, width, channels]: readonly number[]) =>
      tf.tensor4d(concatenated(Float32Array, parts), [parts.length, height, width, channels]);
    return {
      high: stack(
        seen.map((one) => one.high),
        high,
      ),
      low: stack(
        seen.map((one) => one.low),
        low,
      ),
      labels: concatenated(
        Int32Array,
        seen.map((one) => one.labels),
      ),
    };
  }

  dispose(): void {
    this.layers.dispose();
    this.kept.clear();
  }

  private lookOnce(sample: Sample): Seen {
    if (!this.isRepeated) return this.compute(sample);
    const { seed } = this.options;
    const { isMirrored } = drawWindow(
      sample.image,
      this.options,
      random(seedOf(seed, 'crop', sample.number)),
    );
    const key = 2 * sample.index + (isMirrored ? 1 : 0);
    const known = this.kept.get(key);
    if (known !== undefined) return known;
    const seen = this.compute(sample);
    const size = seen.high.byteLength + seen.low.byteLength + seen.labels.byteLength;
    if (this.bytes + size <= MOST_KEPT) {
      this.kept.set(key, seen);
      this.bytes += size;
    }
    return seen;
  }

  private compute(sample: Sample): Seen {
    const { width, height } = this.options.crop;
    const colour = new Float32Array(width * height * 3);
    const labels = new Int32Array(width * height);
    prepareSample(sample, this.options, colour, labels);
    const [high, low] = tf.tidy(() => {
      const seen = backbone(this.layers, this.network.config, tf.tensor4d(colour, [1, height, width, 3]));
      return [seen.high, seen.low];
    });
    this.shapes = { high: high.shape, low: low.shape };
    const values = { high: high.dataSync<'float32'>(), low: low.dataSync<'float32'>(), labels };
    tf.dispose([high, low]);
    return values;
  }
}

function concatenated<A extends Float32Array | Int32Array>(
  Kind: new (length: number) => A,
  parts: readonly A[],
): A {
  const all = new Kind(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
