import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { UserError } from '../../errors.js';
import { workerUrl } from '../../worker-url.js';
import { type BackendChoice, trainingBackend } from '../backend.js';
import { parameterSpecs } from '../deeplab.js';
import { ConfusionMatrix } from '../evaluation/confusion-matrix.js';
import type { Network } from '../network.js';
import { balancedClassWeights } from './class-weights.js';
import type { LabelledImage } from './crop.js';
import { checkRecipe, epochOf, learningRateAt, type TrainingOptions } from './recipe.js';
import { type ImageSet, type Sample, SampleOrder } from './samples.js';
import { allocateShared } from './shared-exchange.js';
import type { BestNetwork, TrainingState } from './state.js';
import type { TrainingReply, TrainingRequest, TrainingWorkerData } from './training-worker.js';

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
  /** Threads at most, one replica each; as many as the machine has cores if not given. */
  readonly workers?: number;
}

/**
 * Trains a network in worker threads. A batch is shared out among as many replicas as there are workers, but a power
 * of two that divides it; on wasm, the weights are the same bits for any number of them.
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

  private constructor(
    { options, network, step, best }: TrainingState,
    private readonly training: ImageSet,
    private readonly validation: ImageSet | undefined,
    private readonly replicas: readonly ReplicaThread[],
  ) {
    this.options = options;
    this.classes = network.config.classes;
    this.order = new SampleOrder(options.seed, training.count, training.weights);
    this.step = step;
    this.best = best;
  }

  /**
   * Starts the workers; resolves when all are ready. Close the trainer to end them.
   * @throws UserError if the state was made on a training set of another size, or its options are out of range
   */
  static async open(
    state: TrainingState,
    training: ImageSet,
    validation?: ImageSet,
    { backend: choice, workers = availableParallelism() }: TrainerOptions = {},
  ): Promise<Trainer> {
    checkRecipe(state.options);
    if (training.count < 1) throw new UserError('Training needs at least one labelled image.');
    if (training.count !== state.images) {
      throw new UserError(
        `Training began on ${state.images} images and cannot go on with ${training.count}.`,
      );
    }
    const backend = trainingBackend(choice);
    const { batch } = state.options;
    // The cpu backend is for checks and trains one replica.
    const count = backend === 'cpu' ? 1 : replicaCount(batch, workers);
    const shared = count === 1 ? undefined : allocateShared(count, batch, ...exchangeLengths(state.network));
    const classWeights = await weightsOfClasses(state, training);
    const threads: ReplicaThread[] = [];
    const trainer = new Trainer(state, training, validation, threads);
    for (let index = 0; index < count; index++) {
      const data = { backend, state, classWeights, shared, index };
      // A replica that dies leaves the others waiting for it: they go too.
      threads.push(new ReplicaThread(data, () => void trainer.close()));
    }
    await Promise.all(threads.map((thread) => thread.ready()));
    return trainer;
  }

  /** Runs the steps that are left, yielding after each; stop reading to pause, and read `state()` to save. */
  async *run(): AsyncGenerator<TrainingStep, void, undefined> {
    let samples = this.loadSamples(this.step);
    while (!this.isDone()) {
      const loaded = await samples;
      // The next images load while the workers compute. Should that fail, the loop sees it when it comes to them.
      samples = this.loadSamples(this.step + 1);
      samples.catch(() => {});
      yield await this.next(loaded);
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
    const { velocity } = await this.replicas[0].ask({ kind: 'momentum' }, 'momentum');
    const state = {
      network: await this.network(),
      velocity,
      step: this.step,
      options: this.options,
      images: this.training.count,
    };
    return this.best ? { ...state, best: this.best } : state;
  }

  async close(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.end()));
  }

  private async network(): Promise<Network> {
    return (await this.replicas[0].ask({ kind: 'network' }, 'network')).network;
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

  private async next(samples: readonly Sample[]): Promise<TrainingStep> {
    const { options } = this;
    const learningRate = learningRateAt(options, this.step, this.training.count);
    const share = options.batch / this.replicas.length;
    const [{ loss }] = await Promise.all(
      this.replicas.map((replica, i) => {
        const mine = samples.slice(i * share, (i + 1) * share);
        return replica.ask({ kind: 'step', samples: mine, learningRate }, 'stepped');
      }),
    );
    const epochBefore = this.epochsDone();
    this.step++;
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
    const confusion = new ConfusionMatrix(this.classes);
    let next = 0;
    await Promise.all(
      this.replicas.map(async (replica) => {
        while (next < images.count) {
          const from = next;
          next += IMAGES_AT_ONCE;
          const some = await loadRange(images, from, Math.min(next, images.count));
          const { counts } = await replica.ask({ kind: 'evaluate', images: some }, 'evaluated');
          confusion.addCounts(counts);
        }
      }),
    );
    const miou = confusion.meanIntersectionOverUnion();
    const result = { step: this.step, epoch: this.epochsDone(), miou };
    const isBest = !Number.isNaN(miou) && !(this.best !== undefined && miou <= this.best.miou);
    if (isBest) this.best = { ...result, network: await this.network() };
    return { ...result, pixelAccuracy: confusion.pixelAccuracy(), isBest };
  }
}

/** Validation images that a worker is sent at once: enough that it need not wait for the next, some 2 MB. */
const IMAGES_AT_ONCE = 8;

function loadRange(images: ImageSet, from: number, to: number): Promise<LabelledImage[]> {
  return Promise.all(Array.from({ length: to - from }, (_, i) => images.load(from + i)));
}

/** The largest power of two that divides the batch and is no more than the workers. */
export function replicaCount(batch: number, workers: number): number {
  let count = 1;
  while (batch % (2 * count) === 0 && 2 * count <= workers) count *= 2;
  return count;
}

/** Most values an image that replicas gather, and most that they total. */
function exchangeLengths({ config }: Network): [gather: number, total: number] {
  const specs = parameterSpecs(config).filter(({ role }) => role !== 'mean' && role !== 'variance');
  const channels = Math.max(
    ...specs.map(({ shape }) => shape.at(-1)!),
    ...specs.map(({ shape }) => shape[2] ?? 0),
  );
  const parameters = specs.reduce((sum, { shape }) => sum + shape.reduce((n, side) => n * side, 1), 0);
  // Batch norm gathers three values a channel.
  return [3 * channels, parameters];
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

type Answer<K extends TrainingReply['kind']> = Extract<TrainingReply, { kind: K }>;

/** A replica in its own thread, asked one thing at a time. */
class ReplicaThread {
  private readonly worker: Worker;
  /** Why it answers no more. */
  private stopped: Error | undefined;
  private pending: { resolve(reply: TrainingReply): void; reject(error: Error): void } | undefined;
  private readonly whenReady: Promise<TrainingReply>;

  /** @param onStop called when the thread has ended by itself */
  constructor(workerData: TrainingWorkerData, onStop: () => void) {
    this.worker = new Worker(workerUrl(import.meta.url, './training-worker.js'), { workerData });
    const stop = (reason: string) => {
      if (this.stopped) return;
      this.fail(new Error(`a training worker stopped: ${reason}`));
      onStop();
    };
    this.worker.on('error', (error) => stop(error instanceof Error ? error.message : String(error)));
    this.worker.on('exit', (code) => stop(`it ended with code ${code}`));
    this.worker.on('message', (reply: TrainingReply) => {
      const { pending } = this;
      this.pending = undefined;
      pending?.resolve(reply);
    });
    this.whenReady = this.reply();
  }

  async ready(): Promise<void> {
    await this.whenReady;
  }

  /** @param kind what the answer to this request is */
  async ask<K extends TrainingReply['kind']>(request: TrainingRequest, kind: K): Promise<Answer<K>> {
    if (this.pending) throw new Error('a replica is asked one thing at a time');
    const reply = this.reply();
    if (!this.stopped) this.worker.postMessage(request);
    const answer = await reply;
    if (answer.kind !== kind) throw new Error(`expected a replica to answer ${kind}, got ${answer.kind}`);
    return answer as Answer<K>;
  }

  async end(): Promise<void> {
    this.fail(new Error('the trainer is closed'));
    await this.worker.terminate();
  }

  private fail(error: Error): void {
    this.stopped ??= error;
    this.pending?.reject(this.stopped);
    this.pending = undefined;
  }

  private reply(): Promise<TrainingReply> {
    if (this.stopped) return Promise.reject(this.stopped);
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
    });
  }
}
