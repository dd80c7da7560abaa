import * as tf from '@tensorflow/tfjs-core';
import { random, seedOf } from '../../random.js';
import { context, type DeepLabConfig, features, isBackbone, logits, parameterSpecs } from '../deeplab.js';
import { drawMasks } from '../dropout.js';
import { ConfusionMatrix } from '../evaluation/confusion-matrix.js';
import { InferenceNetwork } from '../inference/inference.js';
import type { HostTensor, Network } from '../network.js';
import type { LabelledImage } from './crop.js';
import type { Exchange } from './exchange.js';
import { FrozenBackbone } from './frozen-backbone.js';
import { prepareSample } from './prepare.js';
import type { TrainingOptions } from './recipe.js';
import type { Sample } from './samples.js';
import type { TrainingState } from './state.js';
import { TrainingLayers } from './training-layers.js';
import type { TrainingOps } from './training-ops.js';

/** Share of a batch's statistics in the running ones. */
const STATISTICS_RATE = 0.1;

/** Copies of a network's tensors, by name. */
export type HostTensors = ReadonlyMap<string, HostTensor>;

/**
 * A network in training on this thread's backend: stochastic gradient descent with momentum over this replica's share
 * of each batch, in step with the other replicas. All of them hold the same weights, bit for bit, after every step.
 *
 * Owns its tensors from construction to `dispose`.
 */
export class Replica {
  private readonly parameters = new Map<string, tf.Tensor>();
  private readonly velocity = new Map<string, tf.Tensor>();
  /** Running means and variances. */
  private readonly statistics = new Map<string, tf.Tensor>();
  private readonly decays = new Set<string>();
  /** Names of the parameters that are not frozen. */
  private readonly learnt: readonly string[];
  private readonly frozen: FrozenBackbone | undefined;
  private readonly layers: TrainingLayers;
  private readonly config: DeepLabConfig;
  private readonly classNames: readonly string[];
  private readonly options: TrainingOptions;
  /** The network as it is between two steps, from the first evaluation there to the next step. */
  private evaluated: InferenceNetwork | undefined;

  /** @param classWeights of the loss; all 1 if not given */
  constructor(
    { network, velocity, options }: TrainingState,
    private readonly ops: TrainingOps,
    private readonly exchange: Exchange,
    private readonly classWeights?: Float32Array,
  ) {
    this.config = network.config;
    this.classNames = network.classNames;
    this.options = options;
    for (const { name, role } of parameterSpecs(network.config)) {
      const isStatistic = role === 'mean' || role === 'variance';
      const home = isStatistic ? this.statistics : this.parameters;
      home.set(name, toBackend(network.tensors.get(name)!));
      if (!isStatistic) this.velocity.set(name, toBackend(velocity.get(name)!));
      if (role === 'weights') this.decays.add(name);
    }
    const isFrozen = options.freeze === 'backbone';
    this.learnt = [...this.parameters.keys()].filter((name) => !(isFrozen && isBackbone(name)));
    this.frozen = isFrozen ? new FrozenBackbone(network, options) : undefined;
    this.layers = new TrainingLayers(this.parameters, ops);
  }

  /**
   * One step on a batch.
   *
   * @param samples this replica's share of it
   * @returns mean loss over the labelled pixels of the whole batch, before the step
   */
  step(samples: readonly Sample[], learningRate: number): number {
    this.forgetEvaluated();
    const { loss, gradients } = this.differentiate(samples);
    this.descend(this.exchange.replicas === 1 ? gradients : this.total(gradients), learningRate);
    this.followStatistics();
    return loss;
  }

  /** Pixels by true and predicted class over some images, dropout off. */
  evaluate(images: readonly LabelledImage[]): ConfusionMatrix {
    this.evaluated ??= new InferenceNetwork(this.network());
    const confusion = new ConfusionMatrix(this.config.classes);
    for (const image of images) confusion.add(image.labels, this.evaluated.labels(image));
    return confusion;
  }

  /** A copy of the network, after the last finished step. */
  network(): Network {
    const tensors = new Map<string, HostTensor>();
    for (const { name } of parameterSpecs(this.config)) {
      tensors.set(name, toHost((this.parameters.get(name) ?? this.statistics.get(name))!));
    }
    return { config: this.config, classNames: this.classNames, tensors };
  }

  /** A copy of the momentum, by the name of the parameter. */
  momentum(): HostTensors {
    return new Map([...this.velocity].map(([name, tensor]) => [name, toHost(tensor)] as const));
  }

  dispose(): void {
    this.forgetEvaluated();
    this.frozen?.dispose();
    for (const home of [this.parameters, this.velocity, this.statistics]) {
      tf.dispose([...home.values()]);
      home.clear();
    }
  }

  private forgetEvaluated(): void {
    this.evaluated?.dispose();
    this.evaluated = undefined;
  }

  /** The crops of some samples: colour [n, h, w, 3], normalised, and labels [n, h, w]. */
  private crops(samples: readonly Sample[]): { colour: Float32Array; labels: Int32Array } {
    const { options } = this;
    const area = options.crop.width * options.crop.height;
    const colour = new Float32Array(samples.length * area * 3);
    const labels = new Int32Array(samples.length * area);
    for (const [i, sample] of samples.entries()) {
      prepareSample(
        sample,
        options,
        colour.subarray(i * area * 3, (i + 1) * area * 3),
        labels.subarray(i * area, (i + 1) * area),
      );
    }
    return { colour, labels };
  }

  /** Loss of the batch, and the share of these samples in its gradient by parameter; the caller disposes that. */
  private differentiate(samples: readonly Sample[]): { loss: number; gradients: Map<string, tf.Tensor> } {
    const { options, config } = this;
    const { width, height } = options.crop;
    const seen = this.frozen?.look(samples);
    const { colour, labels } = seen ? { colour: undefined, labels: seen.labels } : this.crops(samples);
    const names = this.learnt;
    const [value, ...grads] = tf.tidy(() => {
      const target = tf.tensor3d(labels, [samples.length, height, width], 'int32');
      const masks = drawMasks(
        config,
        samples.map(({ number }) => random(seedOf(options.seed, 'dropout', number))),
      );
      const result = tf.valueAndGrads(() => {
        const of = seen
          ? context(this.layers, seen)
          : features(this.layers, config, tf.tensor4d(colour!, [samples.length, height, width, 3]));
        return this.ops.crossEntropy(logits(this.layers, of, masks), target, this.classWeights);
      })(names.map((name) => this.parameters.get(name)!));
      return [result.value, ...result.grads];
    });
    const loss = value!.dataSync()[0];
    tf.dispose([value!, ...(seen ? [seen.high, seen.low] : [])]);
    return { loss, gradients: new Map(names.map((name, i) => [name, grads[i]] as const)) };
  }

  /** The gradient of the whole batch, from every replica's share; disposes this one's. */
  private total(gradients: Map<string, tf.Tensor>): Map<string, tf.Tensor> {
    const sizes = [...gradients.values()].map(({ size }) => size);
    const mine = new Float32Array(sizes.reduce((sum, size) => sum + size, 0));
    let offset = 0;
    for (const gradient of gradients.values()) {
      mine.set(gradient.dataSync<'float32'>(), offset);
      offset += gradient.size;
    }
    const sum = this.exchange.total(mine);
    const totals = new Map<string, tf.Tensor>();
    offset = 0;
    for (const [name, gradient] of gradients) {
      // The wasm backend, which alone has several replicas, moves the values to its heap at once.
      totals.set(name, tf.tensor(sum.subarray(offset, offset + gradient.size), gradient.shape));
      offset += gradient.size;
      gradient.dispose();
    }
    return totals;
  }

  private descend(gradients: Map<string, tf.Tensor>, learningRate: number): void {
    const { momentum, weightDecay } = this.options;
    for (const [name, gradient] of gradients) {
      const old = this.parameters.get(name)!;
      const oldVelocity = this.velocity.get(name)!;
      // Fresh tensors: the wasm backend packs filters once per tensor and would not see a change in place.
      const { weights, velocity } = this.ops.momentumStep(old, gradient, oldVelocity, {
        learningRate,
        momentum,
        weightDecay: this.decays.has(name) ? weightDecay : 0,
      });
      this.parameters.set(name, weights);
      this.velocity.set(name, velocity);
      tf.dispose([old, oldVelocity, gradient]);
    }
  }

  private followStatistics(): void {
    for (const [layer, batch] of this.layers.takeStatistics()) {
      for (const role of ['mean', 'variance'] as const) {
        const name = `${layer}/${role}`;
        const old = this.statistics.get(name)!;
        this.statistics.set(
          name,
          tf.tidy(() => tf.add(tf.mul(old, 1 - STATISTICS_RATE), tf.mul(batch[role], STATISTICS_RATE))),
        );
        tf.dispose([old, batch[role]]);
      }
    }
  }
}

function toBackend({ shape, data }: HostTensor): tf.Tensor {
  return tf.tensor(data, [...shape]);
}

function toHost(tensor: tf.Tensor): HostTensor {
  return { shape: tensor.shape, data: tensor.dataSync<'float32'>() };
}
