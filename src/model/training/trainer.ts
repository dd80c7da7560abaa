import { availableParallelism } from 'node:os';
import { UserError } from '../../errors.js';
import { type Gpu, openGpu } from '../../gpu/device.js';
import { GpuError } from '../../gpu/errors.js';
import { type BackendChoice, chooseTrainingBackend, giveUpGpu, type ThreadBackend } from '../backend.js';
import { ConfusionMatrix } from '../evaluation/confusion-matrix.js';
import type { Network } from '../network.js';
import { balancedClassWeights } from './class-weights.js';
import type { LabelledImage } from './crop.js';
import { checkRecipe, epochOf, learningRateAt, type TrainingOptions } from './recipe.js';
import { startReplicaThreads } from './replica-threads.js';
import { type ImageSet, type Sample, SampleOrder } from './samples.js';
import type { BestNetwork, TrainingState } from './state.js';
import type { TrainingReplica } from './training-replica.js';

/** How good the network was on the validation images after some step. */
export interface Validation {
  readonly step: number;
  /** Passes through the training set done. */
  readonly epoch: number;
  /** Mean IoU; NaN where no validation image is labelled. */
  readonly miou: number;
  readonly pixelAccuracy: number;
  /** Whether it is the best so far. */
  readonly isBest: boolean;
}

/** A step that was done. */
export interface TrainingStep {
  /** From 1. */
  readonly step: number;
  /** Pass through the training set that it belongs to, from 1. */
  readonly epoch: number;
  /** Mean loss over the batch's labelled pixels, before the step. */
  readonly loss: number;
  readonly learningRate: number;
  /** Where the network was validated after the step. */
  readonly validation?: Validation;
}

export interface TrainerOptions {
  readonly backend?: BackendChoice;
  /** Threads at most, one replica each; as many as the machine has cores if not given. WebGPU takes none. */
  readonly workers?: number;
  /** Hears, once, that `auto` chose a GPU that failed, and what the rest is done with; one sentence or two. */
  readonly onFallback?: (line: string) => void;
}

/** Steps at most that are done again where a GPU fails. To keep a copy takes about as long as one of them. */
const KEPT_EVERY = 50;

/**
 * Trains a network: on a GPU in this thread, beside whatever else uses the device, or in worker threads, which share a
 * batch out among as many replicas as there are workers, but a power of two that divides it. On wasm, the weights are
 * the same bits for any number of them.
 *
 * A step depends on nothing but the state before it: training that is stopped and resumed from `state()` ends with the
 * same weights, bit for bit, as training that ran through.
 */
export class Trainer {
  private readonly options: TrainingOptions;
  private readonly classes: number;
  private readonly order: SampleOrder;
  private step: number;
  private best: BestNetwork | undefined;
  private replicas: readonly TrainingReplica[] = [];
  /** While a replica is on it. */
  private gpu: Gpu | undefined;

  private constructor(
    /** A state not long ago, to go on from where a GPU fails. */
    private kept: TrainingState,
    private readonly training: ImageSet,
    private readonly validation: ImageSet | undefined,
    private readonly classWeights: Float32Array | undefined,
    private readonly starting: TrainerOptions,
  ) {
    const { options, network, step, best } = kept;
    this.options = options;
    this.classes = network.config.classes;
    this.order = new SampleOrder(options.seed, training.count, training.weights);
    this.step = step;
    this.best = best;
  }

  /**
   * Starts what computes; resolves when it is ready. Close the trainer to end it. Where `auto` chose a GPU and it fails,
   * now or later, workers on wasm take its place and every step is yielded once.
   * @throws UserError if the state was made on a training set of another size, or its options are out of range, or a
   * backend is asked for by name and cannot be had
   */
  static async open(
    state: TrainingState,
    training: ImageSet,
    validation?: ImageSet,
    options: TrainerOptions = {},
  ): Promise<Trainer> {
    checkRecipe(state.options);
    if (training.count < 1) throw new UserError('Training needs at least one labelled image.');
    if (training.count !== state.images) {
      throw new UserError(
        `Training began on ${state.images} images and cannot go on with ${training.count}.`,
      );
    }
    const { name } = await chooseTrainingBackend(options.backend);
    const classWeights = await weightsOfClasses(state, training);
    const trainer = new Trainer(state, training, validation, classWeights, options);
    if (name === 'webgpu') await trainer.startOnGpu();
    else await trainer.startThreads(name);
    return trainer;
  }

  /**
   * Runs the steps that are left, yielding after each; stop reading to pause, and read `state()` to save.
   * @throws GpuError where WebGPU was asked for by name and fails
   */
  async *run(): AsyncGenerator<TrainingStep, void, undefined> {
    let samples = this.loadSamples(this.step);
    while (!this.isDone()) {
      const loaded = await samples;
      // The next images load while this step is computed. Should that fail, the loop sees it when it comes to them.
      samples = this.loadSamples(this.step + 1);
      samples.catch(() => {});
      yield await this.next(loaded, samples);
    }
    await samples.catch(() => {});
  }

  /** Whether all steps are done, or the validation mIoU has not risen for as many epochs as the recipe waits. */
  isDone(): boolean {
    const { steps, patience } = this.options;
    if (this.step >= steps) return true;
    return patience !== null && this.best !== undefined && this.epochsDone() - this.best.epoch >= patience;
  }

  /** A copy of everything, after the last finished step. */
  async state(): Promise<TrainingState> {
    const { step, options, best } = this;
    const { network, velocity } = await this.attempt(async ([replica]) => ({
      network: await replica.network(),
      velocity: await replica.momentum(),
    }));
    const state = { network, velocity, step, options, images: this.training.count };
    this.kept = best ? { ...state, best } : state;
    return this.kept;
  }

  async close(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.close()));
  }

  private async startThreads(backend: ThreadBackend): Promise<void> {
    const { workers = availableParallelism() } = this.starting;
    const onStop = () => void this.close();
    this.replicas = await startReplicaThreads(backend, this.kept, this.classWeights, workers, onStop);
  }

  private async startOnGpu(): Promise<void> {
    try {
      this.gpu = await openGpu();
      const { openGpuReplica } = await import('./gpu/gpu-replica.js');
      this.replicas = [await openGpuReplica(this.gpu, this.kept, this.classWeights)];
    } catch (error) {
      await this.replaceGpu(error);
    }
  }

  /** Asks the replicas; where `auto` chose a GPU and it fails, those that take its place. */
  private async attempt<T>(ask: (replicas: readonly TrainingReplica[]) => Promise<T>): Promise<T> {
    if (this.gpu === undefined) return ask(this.replicas);
    try {
      return await this.gpu.attempt(() => ask(this.replicas));
    } catch (error) {
      await this.replaceGpu(error);
      return ask(this.replicas);
    }
  }

  /**
   * Starts workers in the GPU's place and has them do what it had done since the state that was kept.
   * @throws error, where that is no failure of a GPU that `auto` chose
   */
  private async replaceGpu(error: unknown): Promise<void> {
    const { backend = 'auto', onFallback } = this.starting;
    if (!(error instanceof GpuError) || backend !== 'auto') throw error;
    giveUpGpu(error);
    onFallback?.(`${error.message} Training goes on with wasm from step ${this.kept.step + 1}.`);
    await this.close();
    this.gpu = undefined;
    await this.startThreads('wasm');
    for (let done = this.kept.step; done < this.step; done++)
      await this.descend(this.replicas, done, await this.loadSamples(done));
  }

  private epochsDone(): number {
    return Math.floor((this.step * this.options.batch) / this.training.count);
  }

  /** The batch of the step after `done` steps. */
  private loadSamples(done: number): Promise<Sample[]> {
    const { batch } = this.options;
    return Promise.all(
      Array.from({ length: batch }, async (_, i) => {
        const number = done * batch + i;
        const index = this.order.image(number);
        return { number, index, image: await this.training.load(index) };
      }),
    );
  }

  /** The step after `done` steps, by all replicas together. @returns its loss */
  private async descend(
    replicas: readonly TrainingReplica[],
    done: number,
    samples: readonly Sample[],
    next?: Promise<readonly Sample[]>,
  ): Promise<number> {
    const learningRate = learningRateAt(this.options, done, this.training.count);
    const share = this.options.batch / replicas.length;
    const [loss] = await Promise.all(
      replicas.map((replica, i) => {
        const mine = (of: readonly Sample[]) => of.slice(i * share, (i + 1) * share);
        const mineNext = next?.then(mine);
        mineNext?.catch(() => {}); // the loop of `run` sees it
        return replica.step(mine(samples), learningRate, mineNext);
      }),
    );
    return loss;
  }

  private async next(
    samples: readonly Sample[],
    upcoming: Promise<readonly Sample[]>,
  ): Promise<TrainingStep> {
    const { options } = this;
    const learningRate = learningRateAt(options, this.step, this.training.count);
    const next = this.step + 1 < options.steps ? upcoming : undefined;
    const loss = await this.attempt((replicas) => this.descend(replicas, this.step, samples, next));
    const epochBefore = this.epochsDone();
    this.step++;
    if (this.gpu && this.step - this.kept.step >= KEPT_EVERY) await this.state();
    const epoch = epochOf(this.step, options.batch, this.training.count);
    const done = { step: this.step, epoch, loss, learningRate };
    const isDue =
      this.step === options.steps ||
      (options.validateEvery === 'epoch'
        ? this.epochsDone() > epochBefore
        : this.step % options.validateEvery === 0);
    return this.validation && isDue ? { ...done, validation: await this.validate(this.validation) } : done;
  }

  private async validate(images: ImageSet): Promise<Validation> {
    const confusion = await this.attempt((replicas) => this.confusionOn(images, replicas));
    const miou = confusion.meanIntersectionOverUnion();
    const result = { step: this.step, epoch: this.epochsDone(), miou };
    const isBest = !Number.isNaN(miou) && !(this.best !== undefined && miou <= this.best.miou);
    if (isBest) {
      const network = await this.attempt(([replica]) => replica.network());
      this.best = { ...result, network };
    }
    return { ...result, pixelAccuracy: confusion.pixelAccuracy(), isBest };
  }

  private async confusionOn(
    images: ImageSet,
    replicas: readonly TrainingReplica[],
  ): Promise<ConfusionMatrix> {
    const confusion = new ConfusionMatrix(this.classes);
    let next = 0;
    await Promise.all(
      replicas.map(async (replica) => {
        while (next < images.count) {
          const from = next;
          next += IMAGES_AT_ONCE;
          const some = await loadRange(images, from, Math.min(next, images.count));
          confusion.addCounts(await replica.evaluate(some));
        }
      }),
    );
    return confusion;
  }
}

/** Validation images that a replica is given at once: enough that it need not wait for the next, some 2 MB. */
const IMAGES_AT_ONCE = 8;

function loadRange(images: ImageSet, from: number, to: number): Promise<LabelledImage[]> {
  return Promise.all(Array.from({ length: to - from }, (_, i) => images.load(from + i)));
}

async function weightsOfClasses(
  { options, network }: { options: TrainingOptions; network: Network },
  images: ImageSet,
): Promise<Float32Array | undefined> {
  if (options.classWeights === 'none') return undefined;
  const pixels = new Float64Array(network.config.classes);
  for (let i = 0; i < images.count; i++) {
    const { labels } = await images.load(i);
    for (let at = 0; at < labels.length; at++) if (labels[at] < pixels.length) pixels[labels[at]]++;
  }
  return balancedClassWeights(pixels);
}
