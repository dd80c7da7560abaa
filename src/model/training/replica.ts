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
import { type TensorHost, thisThread } from './tensor-host.js';
import { type BatchStatistics, TrainingLayers } from './training-layers.js';
import type { TrainingOps } from './training-ops.js';
import type { HostTensors, TrainingReplica } from './training-replica.js';

/** Share of a batch's statistics in the running ones. */
const STATISTICS_RATE = 0.1;

/** What a batch says of the weights as they are; they, and all else that lasts, are as before. */
interface Differentiated {
  /** Number of the batch's first sample that is this replica's. */
  readonly first: number;
  readonly loss: tf.Scalar;
  /** By parameter. */
  readonly gradients: Map<string, tf.Tensor>;
  readonly statistics: BatchStatistics;
}

/**
 * A network in training: stochastic gradient descent with momentum over this replica's share of each batch, in step with
 * the other replicas. All of them hold the same weights, bit for bit, after every step.
 *
 * Owns its tensors from construction to `close`.
 */
export class Replica implements TrainingReplica {
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
  /** Of the step to come, where its samples were known while the last one was computed. */
  private ahead: Differentiated | undefined;
  private isClosed = false;

  /**
   * @param classWeights of the loss; all 1 if not given
   * @param host where the tensors are; the replica is to be made there
   */
  constructor(
    { network, velocity, options }: TrainingState,
    private readonly ops: TrainingOps,
    private readonly exchange: Exchange,
    private readonly classWeights?: Float32Array,
    private readonly host: TensorHost = thisThread,
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
   * Submits the step as a whole and, as soon as `next` is known, the gradients of the next one, which change nothing:
   * a GPU that computes beside this thread goes on with them while the loss is read. Nothing else is read.
   */
  async step(
    samples: readonly Sample[],
    learningRate: number,
    next?: Promise<readonly Sample[]>,
  ): Promise<number> {
    const loss = this.host.run(() => {
      this.forgetEvaluated();
      const { loss, gradients, statistics } = this.takeAhead(samples) ?? this.differentiate(samples);
      this.descend(this.exchange.replicas === 1 ? gradients : this.total(gradients), learningRate);
      this.followStatistics(statistics);
      return loss;
    });
    const read = this.host.read([loss]);
    loss.dispose();
    if (next) this.lookAhead(next);
    return (await read)[0][0];
  }

  async evaluate(images: readonly LabelledImage[]): Promise<Float64Array> {
    const network = this.evaluated ?? (await this.startEvaluation());
    const likeliest = this.host.run(() => images.map((image) => network.likeliest(image)));
    const read = this.host.read<'int32'>(likeliest);
    tf.dispose(likeliest);
    const confusion = new ConfusionMatrix(this.config.classes);
    for (const [i, labels] of (await read).entries())
      confusion.add(images[i].labels, Uint8Array.from(labels));
    return confusion.counts;
  }

  async network(): Promise<Network> {
    const { config, classNames } = this;
    const tensors = parameterSpecs(config).map(
      ({ name }) => [name, (this.parameters.get(name) ?? this.statistics.get(name))!] as const,
    );
    return { config, classNames, tensors: await this.copy(tensors) };
  }

  momentum(): Promise<HostTensors> {
    return this.copy([...this.velocity]);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.forgetEvaluated();
    this.frozen?.dispose();
    if (this.ahead) forget(this.ahead);
    this.ahead = undefined;
    for (const home of [this.parameters, this.velocity, this.statistics]) {
      tf.dispose([...home.values()]);
      home.clear();
    }
    this.host.trim();
  }

  private async copy(tensors: readonly (readonly [name: string, tensor: tf.Tensor])[]): Promise<HostTensors> {
    const shapes = tensors.map(([, { shape }]) => shape);
    const values = await this.host.read(tensors.map(([, tensor]) => tensor));
    return new Map(tensors.map(([name], i) => [name, { shape: shapes[i], data: values[i] }]));
  }

  private lookAhead(next: Promise<readonly Sample[]>): void {
    const begin = (samples: readonly Sample[]) => {
      if (!this.isClosed) this.ahead = this.host.run(() => this.differentiate(samples));
    };
    // What fails here fails again in the step itself, which has someone to tell.
    void next.then(begin).catch(() => {});
  }

  /** What was begun of a step, if it was of this one. */
  private takeAhead([{ number }]: readonly Sample[]): Differentiated | undefined {
    const { ahead } = this;
    this.ahead = undefined;
    if (ahead === undefined || ahead.first === number) return ahead;
    forget(ahead);
    return undefined;
  }

  private async startEvaluation(): Promise<InferenceNetwork> {
    const network = await this.network();
    this.evaluated = this.host.run(() => new InferenceNetwork(network));
    return this.evaluated;
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

  /** Loss of the batch, and the share of these samples in its gradient; the caller disposes all. */
  private differentiate(samples: readonly Sample[]): Differentiated {
    const { options, config } = this;
    const { width, height } = options.crop;
    const seen = this.frozen?.look(samples);
    const { colour, labels } = seen ? { colour: undefined, labels: seen.labels } : this.crops(samples);
    const names = this.learnt;
    const [loss, ...grads] = tf.tidy(() => {
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
    if (seen) tf.dispose([seen.high, seen.low]);
    return {
      first: samples[0].number,
      loss: loss as tf.Scalar,
      gradients: new Map(names.map((name, i) => [name, grads[i]] as const)),
      statistics: this.layers.takeStatistics(),
    };
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

  private followStatistics(statistics: BatchStatistics): void {
    for (const [layer, batch] of statistics) {
      const [mean, variance] = ['mean', 'variance'].map(
        (role) => this.statistics.get(`${layer}/${role}`) as tf.Tensor1D,
      );
      const moved = this.ops.follow({ mean, variance }, batch, STATISTICS_RATE);
      this.statistics.set(`${layer}/mean`, moved.mean);
      this.statistics.set(`${layer}/variance`, moved.variance);
      tf.dispose([mean, variance, batch.mean, batch.variance]);
    }
  }
}

function toBackend({ shape, data }: HostTensor): tf.Tensor {
  return tf.tensor(data, [...shape]);
}

function forget({ loss, gradients, statistics }: Differentiated): void {
  tf.dispose([loss, ...gradients.values()]);
  for (const { mean, variance } of statistics.values()) tf.dispose([mean, variance]);
}
