import { Worker } from 'node:worker_threads';
import { workerUrl } from '../../worker-url.js';
import type { ThreadBackend } from '../backend.js';
import { parameterSpecs } from '../deeplab.js';
import type { Network } from '../network.js';
import type { LabelledImage } from './crop.js';
import type { Sample } from './samples.js';
import { allocateShared } from './shared-exchange.js';
import type { TrainingState } from './state.js';
import type { HostTensors, TrainingReplica } from './training-replica.js';
import type { TrainingReply, TrainingRequest, TrainingWorkerData } from './training-worker.js';

/**
 * Starts replicas of a network, each in a thread of its own; resolves when all are ready.
 *
 * @param classWeights of the loss; all 1 if not given
 * @param workers threads at most
 * @param onStop called when one has ended by itself: the others would wait for it for ever
 */
export async function startReplicaThreads(
  backend: ThreadBackend,
  state: TrainingState,
  classWeights: Float32Array | undefined,
  workers: number,
  onStop: () => void,
): Promise<TrainingReplica[]> {
  const { batch } = state.options;
  // The cpu backend is for checks, and TensorFlow has threads of its own: they train one replica.
  const count = backend === 'wasm' ? replicaCount(batch, workers) : 1;
  const shared = count === 1 ? undefined : allocateShared(count, batch, ...exchangeLengths(state.network));
  const threads = Array.from(
    { length: count },
    (_, index) => new ReplicaThread({ backend, state, classWeights, shared, index }, onStop),
  );
  await Promise.all(threads.map((thread) => thread.ready()));
  return threads;
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

type Answer<K extends TrainingReply['kind']> = Extract<TrainingReply, { kind: K }>;

/** A replica in its own thread, asked one thing at a time. */
class ReplicaThread implements TrainingReplica {
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

  async step(samples: readonly Sample[], learningRate: number): Promise<number> {
    return (await this.ask({ kind: 'step', samples, learningRate }, 'stepped')).loss;
  }

  async evaluate(images: readonly LabelledImage[]): Promise<Float64Array> {
    return (await this.ask({ kind: 'evaluate', images }, 'evaluated')).counts;
  }

  async network(): Promise<Network> {
    return (await this.ask({ kind: 'network' }, 'network')).network;
  }

  async momentum(): Promise<HostTensors> {
    return (await this.ask({ kind: 'momentum' }, 'momentum')).velocity;
  }

  async close(): Promise<void> {
    this.fail(new Error('the trainer is closed'));
    await this.worker.terminate();
  }

  /** @param kind what the answer to this request is */
  private async ask<K extends TrainingReply['kind']>(request: TrainingRequest, kind: K): Promise<Answer<K>> {
    if (this.pending) throw new Error('a replica is asked one thing at a time');
    const reply = this.reply();
    if (!this.stopped) this.worker.postMessage(request);
    const answer = await reply;
    if (answer.kind !== kind) throw new Error(`expected a replica to answer ${kind}, got ${answer.kind}`);
    return answer as Answer<K>;
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
