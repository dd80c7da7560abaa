import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { UserError } from '../../errors.js';
import { type Frame, frameName } from '../../frame.js';
import { workerUrl } from '../../worker-url.js';
import { type BackendChoice, type BackendName, chooseBackend } from '../backend.js';
import { loadNetwork } from '../checkpoint.js';
import type { Network } from '../network.js';
import type { ProbabilityMap } from '../probability-map.js';
import type { InferenceReply, InferenceWorkerData } from './inference-worker.js';
import { DEFAULT_DRAWS, type McDropoutFrame, type McDropoutOptions } from './mc-dropout.js';
import type { Segmenter } from './segmenter.js';

export interface SegmenterOptions {
  /** Model folder. */
  readonly checkpoint: string;
  /** Dropout draws averaged, at least 1. */
  readonly draws?: number;
  readonly seed: number;
  /** Threads, one network each; as many as the machine has cores if not given. */
  readonly workers?: number;
  readonly backend?: BackendChoice;
}

/** Goes into the key: raise it when the same network and options come to give other maps. */
const ALGORITHM_VERSION = 1;

/**
 * Loads a model folder and starts its workers; resolves when all are ready.
 * @throws UserError if the checkpoint cannot be used or an option is out of range
 */
export async function createSegmenter(options: SegmenterOptions): Promise<Segmenter> {
  const { checkpoint, draws = DEFAULT_DRAWS, seed, workers = availableParallelism() } = options;
  for (const [name, value] of [
    ['dropout draws', draws],
    ['workers', workers],
  ] as const) {
    if (!Number.isInteger(value) || value < 1) {
      throw new UserError(`Expected a whole number of ${name}, at least 1, got ${value}.`);
    }
  }
  const backend = chooseBackend(options.backend);
  const network = await loadNetwork(checkpoint);
  const pool = new SegmenterPool(network, { draws, seed }, backend, workers);
  await pool.ready();
  return pool;
}

interface Task {
  /** The pool's own copy of what the worker needs; its buffer moves to the worker. */
  readonly frame: McDropoutFrame & { readonly colour: Uint8Array<ArrayBuffer> };
  readonly resolve: (map: ProbabilityMap) => void;
  readonly reject: (error: Error) => void;
}

/** One thread and the frame it is at; `task` undefined while it waits. */
interface Lane {
  readonly worker: Worker;
  task?: Task | undefined;
}

/**
 * Shares frames among workers, each with its own tfjs, first come first served. A worker that dies takes the
 * pool with it: every frame under way or waiting is rejected with the reason, and so is every later one.
 */
export class SegmenterPool implements Segmenter {
  readonly classes: number;
  readonly key: string;
  readonly concurrency: number;
  private readonly lanes: Lane[];
  private readonly waiting: Task[] = [];
  private readonly whenReady: Promise<unknown>;
  /** Why no more frames are taken. */
  private stopped: Error | undefined;

  constructor(
    network: Network,
    options: McDropoutOptions,
    backend: BackendName,
    workers: number,
    url = workerUrl(import.meta.url, './inference-worker.js'),
  ) {
    this.classes = network.config.classes;
    this.key = segmenterKey(network, options, backend);
    this.concurrency = workers;
    const workerData = { backend, network, options } satisfies InferenceWorkerData;
    this.lanes = Array.from({ length: workers }, () => ({ worker: new Worker(url, { workerData }) }));
    this.whenReady = Promise.all(this.lanes.map((lane) => this.watch(lane)));
  }

  /** Resolves when every worker is ready; rejects if one cannot start. */
  async ready(): Promise<void> {
    await this.whenReady;
  }

  predict(frame: Frame): Promise<ProbabilityMap> {
    if (this.stopped) return Promise.reject(this.stopped);
    const { scene, id, width, height } = frame;
    const colour = new Uint8Array(frame.colour);
    return new Promise((resolve, reject) => {
      this.waiting.push({ frame: { scene, id, width, height, colour }, resolve, reject });
      this.dispatch();
    });
  }

  async close(): Promise<void> {
    this.stop(new Error('the segmenter is closed'));
    await Promise.all(this.lanes.map(({ worker }) => worker.terminate()));
  }

  /** Resolves when the worker is ready; rejects if it ends before. */
  private watch(lane: Lane): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (reason: string) => {
        const error = new Error(`a segmentation worker stopped: ${reason}`);
        reject(error);
        this.stop(error);
      };
      lane.worker.on('message', (reply: InferenceReply) => {
        if (reply.kind === 'ready') resolve();
        else this.finish(lane, reply);
      });
      lane.worker.on('error', (error) => fail(error instanceof Error ? error.message : String(error)));
      lane.worker.on('exit', (code) => fail(`it ended with code ${code}`));
    });
  }

  private dispatch(): void {
    const lane = this.lanes.find(({ task }) => task === undefined);
    const task = lane && this.waiting.shift();
    if (!lane || !task) return;
    lane.task = task;
    lane.worker.postMessage(task.frame, [task.frame.colour.buffer]);
  }

  private finish(lane: Lane, reply: Exclude<InferenceReply, { kind: 'ready' }>): void {
    if (lane.task === undefined) return;
    const { frame, resolve, reject } = lane.task;
    lane.task = undefined;
    if (reply.kind === 'failure') reject(new Error(`${frameName(frame)}: ${reply.message}`));
    else resolve({ width: frame.width, height: frame.height, classes: this.classes, data: reply.data });
    this.dispatch();
  }

  private stop(error: Error): void {
    if (this.stopped) return;
    this.stopped = error;
    for (const lane of this.lanes) {
      lane.task?.reject(error);
      lane.task = undefined;
      void lane.worker.terminate();
    }
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}

/**
 * `Segmenter.key` without starting one. It names the network by its config and weights, not by its file, whose
 * metadata may differ.
 */
export function segmenterKey(
  network: Network,
  { draws, seed }: McDropoutOptions,
  choice: BackendChoice = 'auto',
): string {
  const backend = chooseBackend(choice);
  const hash = createHash('sha256');
  hash.update(JSON.stringify({ version: ALGORITHM_VERSION, config: network.config, draws, seed, backend }));
  for (const [name, { data }] of [...network.tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(name);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
