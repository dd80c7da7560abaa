import * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../../errors.js';
import type { Size } from '../../frame.js';
import { random, seedOf, shuffle } from '../../random.js';
import { features, logits, parameterSpecs } from '../deeplab.js';
import { drawMasks } from '../dropout.js';
import type { HostTensor, Network } from '../network.js';
import { drawWindow, type LabelledImage, resampleCrop } from './crop.js';
import { registerGradients } from './gradients.js';
import { polynomialRate } from './sgd.js';
import { TrainingLayers } from './training-layers.js';
import { composedOps, type TrainingOps } from './training-ops.js';

export interface TrainingOptions {
  readonly seed: number;
  /** Steps in all, at least 1; the learning rate falls to 0 at the last. */
  readonly steps: number;
  /** Crops a step, at least 2: batch norm over the pooled branch has one value an image. */
  readonly batch: number;
  /** Size of the crops, in pixels. */
  readonly crop: Size;
  /** Of the first step. */
  readonly learningRate: number;
}

export const TRAINING_DEFAULTS: TrainingOptions = {
  seed: 1,
  steps: 400,
  batch: 4,
  crop: { width: 160, height: 120 },
  learningRate: 0.05,
};

const MOMENTUM = 0.9;
/** On weights only; scales, offsets and biases are free, as in the MobileNet papers. */
const WEIGHT_DECAY = 5e-4;
/** Share of a batch's statistics in the running ones. */
const STATISTICS_RATE = 0.1;

/** The labelled images, by index. `load` may read from disk; the trainer keeps nothing of what it returns. */
export interface TrainingSet {
  readonly count: number;
  load(index: number): LabelledImage | Promise<LabelledImage>;
}

/** One row of the training history. */
export interface TrainingStep {
  /** From 1. */
  readonly step: number;
  /** Mean cross-entropy over the batch's labelled pixels, before the step. */
  readonly loss: number;
  readonly learningRate: number;
  /** Labelled pixels in the batch. */
  readonly pixels: number;
}

/** All that a later process needs to go on as if nothing had happened. */
export interface TrainingState {
  readonly network: Network;
  /** Momentum, by the name of the parameter. */
  readonly velocity: ReadonlyMap<string, HostTensor>;
  /** Steps done. */
  readonly step: number;
  readonly options: TrainingOptions;
  /** Size of the training set that the state was made on. */
  readonly images: number;
}

/** The state before the first step. */
export function initialState(network: Network, options: TrainingOptions, images: number): TrainingState {
  const velocity = new Map<string, HostTensor>();
  for (const { name, shape, role } of parameterSpecs(network.config)) {
    if (role === 'mean' || role === 'variance') continue;
    velocity.set(name, { shape, data: new Float32Array(network.tensors.get(name)!.data.length) });
  }
  return { network, velocity, step: 0, options, images };
}

/**
 * Trains a network by stochastic gradient descent with momentum, on this thread's backend.
 *
 * Everything random is drawn from the seed and the number of the step or sample, so that a step depends on
 * nothing but the state before it: training that is stopped and resumed from `state()` ends with the same
 * weights, bit for bit, as training that ran through.
 *
 * Owns its tensors from construction to `dispose`.
 */
export class Trainer {
  private readonly parameters = new Map<string, tf.Tensor>();
  private readonly velocity = new Map<string, tf.Tensor>();
  /** Running means and variances. */
  private readonly statistics = new Map<string, tf.Tensor>();
  private readonly decays = new Set<string>();
  private readonly layers: TrainingLayers;
  private step: number;

  /**
   * @throws UserError if the state was made on a training set of another size, or the options are out of range
   */
  constructor(
    private readonly start: TrainingState,
    private readonly set: TrainingSet,
    private readonly ops: TrainingOps = composedOps,
  ) {
    checkOptions(start, set);
    registerGradients(tf.getBackend() === 'cpu' ? 'cpu' : 'wasm');
    this.step = start.step;
    for (const { name, role } of parameterSpecs(start.network.config)) {
      const isStatistic = role === 'mean' || role === 'variance';
      const home = isStatistic ? this.statistics : this.parameters;
      home.set(name, toBackend(start.network.tensors.get(name)!));
      if (!isStatistic) this.velocity.set(name, toBackend(start.velocity.get(name)!));
      if (role === 'weights') this.decays.add(name);
    }
    this.layers = new TrainingLayers(this.parameters, ops);
  }

  /** Runs the steps that are left, yielding after each; stop reading to pause, and read `state()` to save. */
  async *run(): AsyncGenerator<TrainingStep, void, undefined> {
    while (this.step < this.start.options.steps) yield await this.next();
  }

  /** A copy of everything, after the last finished step. */
  state(): TrainingState {
    const tensors = new Map<string, HostTensor>();
    for (const { name } of parameterSpecs(this.start.network.config)) {
      tensors.set(name, toHost((this.parameters.get(name) ?? this.statistics.get(name))!));
    }
    const velocity = new Map([...this.velocity].map(([name, tensor]) => [name, toHost(tensor)] as const));
    return { ...this.start, network: { ...this.start.network, tensors }, velocity, step: this.step };
  }

  dispose(): void {
    for (const home of [this.parameters, this.velocity, this.statistics]) {
      tf.dispose([...home.values()]);
      home.clear();
    }
  }

  private async next(): Promise<TrainingStep> {
    const { options } = this.start;
    const learningRate = polynomialRate(options.learningRate, this.step, options.steps);
    const { colour, labels, pixels } = await this.batch();
    const { loss, gradients } = this.differentiate(colour, labels);
    this.descend(gradients, learningRate);
    this.followStatistics();
    this.step++;
    return { step: this.step, loss, learningRate, pixels };
  }

  /** The crops of this step. Sample s of the run is image s mod count of epoch ⌊s / count⌋'s random order. */
  private async batch(): Promise<{ colour: Float32Array; labels: Int32Array; pixels: number }> {
    const { seed, batch, crop } = this.start.options;
    const area = crop.width * crop.height;
    const colour = new Float32Array(batch * area * 3);
    const labels = new Int32Array(batch * area);
    for (let i = 0; i < batch; i++) {
      const sample = this.step * batch + i;
      const image = await this.set.load(sampledImage(seed, sample, this.set.count));
      const window = drawWindow(image, crop, random(seedOf(seed, 'crop', sample)));
      resampleCrop(
        image,
        window,
        crop,
        colour.subarray(i * area * 3, (i + 1) * area * 3),
        labels.subarray(i * area, (i + 1) * area),
      );
    }
    const { classes } = this.start.network.config;
    const pixels = labels.reduce((count, label) => (label < classes ? count + 1 : count), 0);
    return { colour, labels, pixels };
  }

  /** Loss of the batch and its gradient by parameter; the caller disposes the gradients. */
  private differentiate(
    colour: Float32Array,
    labels: Int32Array,
  ): { loss: number; gradients: Map<string, tf.Tensor> } {
    const { options, network } = this.start;
    const { batch, crop, seed } = options;
    const names = [...this.parameters.keys()];
    const [value, ...grads] = tf.tidy(() => {
      const x = tf.tensor4d(colour, [batch, crop.height, crop.width, 3]);
      const target = tf.tensor3d(labels, [batch, crop.height, crop.width], 'int32');
      const masks = drawMasks(network.config, batch, random(seedOf(seed, 'dropout', this.step)));
      const result = tf.valueAndGrads(() => {
        const small = logits(this.layers, features(this.layers, network.config, x), masks);
        return this.ops.crossEntropy(small, target);
      })([...this.parameters.values()]);
      return [result.value, ...result.grads];
    });
    const loss = value!.dataSync()[0];
    value!.dispose();
    return { loss, gradients: new Map(names.map((name, i) => [name, grads[i]] as const)) };
  }

  private descend(gradients: Map<string, tf.Tensor>, learningRate: number): void {
    for (const [name, gradient] of gradients) {
      const old = this.parameters.get(name)!;
      const oldVelocity = this.velocity.get(name)!;
      // Fresh tensors: the wasm backend packs filters once per tensor and would not see a change in place.
      const { weights, velocity } = this.ops.momentumStep(old, gradient, oldVelocity, {
        learningRate,
        momentum: MOMENTUM,
        weightDecay: this.decays.has(name) ? WEIGHT_DECAY : 0,
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

function checkOptions({ options, images }: TrainingState, set: TrainingSet): void {
  const { steps, batch, crop, learningRate } = options;
  if (set.count < 1) throw new UserError('Training needs at least one labelled image.');
  if (set.count !== images) {
    throw new UserError(`Training began on ${images} images and cannot go on with ${set.count}.`);
  }
  const isNatural = (n: number, least: number) => Number.isInteger(n) && n >= least;
  if (!isNatural(steps, 1)) throw new UserError(`Expected a whole number of training steps, got ${steps}.`);
  if (!isNatural(batch, 2)) throw new UserError(`Expected at least 2 images a training step, got ${batch}.`);
  if (!isNatural(crop.width, 16) || !isNatural(crop.height, 16)) {
    throw new UserError(
      `Expected training crops of at least 16×16 pixels, got ${crop.width}×${crop.height}.`,
    );
  }
  if (!(learningRate > 0)) throw new UserError(`Expected a positive learning rate, got ${learningRate}.`);
}

function sampledImage(seed: number, sample: number, count: number): number {
  const epoch = Math.floor(sample / count);
  const order = shuffle([...Array(count).keys()], random(seedOf(seed, 'order', epoch)));
  return order[sample % count];
}

function toBackend({ shape, data }: HostTensor): tf.Tensor {
  return tf.tensor(data, [...shape]);
}

function toHost(tensor: tf.Tensor): HostTensor {
  return { shape: tensor.shape, data: tensor.dataSync<'float32'>() };
}
