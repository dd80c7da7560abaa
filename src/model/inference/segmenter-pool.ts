import { Worker } from 'node:worker_threads';
import { BadFrameError, UserError } from '../../errors.js';
import { type Frame, frameName } from '../../frame.js';
import { workerUrl } from '../../worker-url.js';
import type { ProbabilityMap } from '../probability-map.js';
import type {
  InferenceAnswer,
  InferenceAnswers,
  InferenceReply,
  InferenceRequest,
  InferenceWorkerData,
} from './inference-worker.js';
import type { Model } from './model-folder.js';
import type { Segmenter } from './segmenter.js';
import { segmenterKey } from './segmenter-key.js';

interface Task {
  /** With the pool's own copy of what the worker needs of the frame. */
  readonly request: InferenceRequest;
  /** The colours' buffer, which moves to the worker. */
  readonly colour: ArrayBuffer;
  readonly resolve: (answer: InferenceAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** One thread and the task it is at; `task` undefined while it waits. */
interface Lane {
  readonly worker: Worker;
  task?: Task | undefined;
}

/**
 * Shares frames among workers, each with its own tfjs, first come first served. A worker that dies takes the
 * pool with it: every frame under way or waiting is rejected with the reason, and so is every later one. So it is
 * with a network that turns out to be unusable, the reason then being a UserError.
 */
export class SegmenterPool implements Segmenter {
  /** Known when it is ready; 0 until then. */
  classes = 0;
  readonly key: string;
  readonly concurrency: number;
  private readonly model: Model;
  private readonly lanes: Lane[];
  private readonly waiting: Task[] = [];
  private readonly whenReady: Promise<unknown>;
  /** Why no more frames are taken. */
  private stopped: Error | undefined;

  constructor(
    workerData: InferenceWorkerData,
    workers: number,
    url = workerUrl(import.meta.url, './inference-worker.js'),
  ) {
    const { model, options, backend } = workerData;
    this.model = model;
    this.key = segmenterKey(model, options, backend);
    this.concurrency = workers;
    this.lanes = Array.from({ length: workers }, () => ({ worker: new Worker(url, { workerData }) }));
    this.whenReady = Promise.all(this.lanes.map((lane) => this.watch(lane)));
  }

  /** Resolves when every worker is ready; rejects if one cannot start. */
  async ready(): Promise<void> {
    await this.whenReady;
  }

  async predict(frame: Frame): Promise<ProbabilityMap> {
    const { width, height } = frame;
    const data = await this.request('map', frame);
    return { width, height, classes: this.classes, data };
  }

  async describe(frame: Frame): Promise<Float32Array> {
    if (this.model.kind !== 'deeplab') {
      throw new UserError(
        `${this.model.file}: features of frames need a network of viewal's own: expected a model folder that viewal train wrote, got a TensorFlow.js model.`,
      );
    }
    return this.request('features', frame);
  }

  async close(): Promise<void> {
    this.stop(new Error('the segmenter is closed'));
    await Promise.all(this.lanes.map(({ worker }) => worker.terminate()));
  }

  /** Resolves when the worker is ready; rejects if it ends before. */
  private watch(lane: Lane): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (error: Error) => {
        reject(error);
        this.stop(error);
      };
      const fail = (reason: string) => end(new Error(`a segmentation worker stopped: ${reason}`));
      lane.worker.on('message', (reply: InferenceReply) => {
        if (reply.kind === 'ready') {
          this.classes = reply.classes;
          resolve();
        } else if (reply.kind === 'refusal') end(new UserError(reply.message));
        else this.finish(lane, reply);
      });
      lane.worker.on('error', (error) => fail(error instanceof Error ? error.message : String(error)));
      lane.worker.on('exit', (code) => fail(`it ended with code ${code}`));
    });
  }

  private async request<Kind extends keyof InferenceAnswers>(
    kind: Kind,
    frame: Frame,
  ): Promise<InferenceAnswers[Kind]> {
    if (this.stopped) throw this.stopped;
    const { scene, id, width, height } = frame;
    const colour = new Uint8Array(frame.colour);
    const answer = new Promise<InferenceAnswer>((resolve, reject) => {
      const request = { kind, frame: { scene, id, width, height, colour } };
      this.waiting.push({ request, colour: colour.buffer, resolve, reject });
      this.dispatch();
    });
    // A worker answers with what it was asked for.
    return answer as Promise<InferenceAnswers[Kind]>;
  }

  private dispatch(): void {
    const lane = this.lanes.find(({ task }) => task === undefined);
    const task = lane && this.waiting.shift();
    if (!lane || !task) return;
    lane.task = task;
    lane.worker.postMessage(task.request, [task.colour]);
  }

  private finish(
    lane: Lane,
    reply: Extract<InferenceReply, { kind: 'answer' | 'bad frame' | 'failure' }>,
  ): void {
    if (lane.task === undefined) return;
    const { task } = lane;
    lane.task = undefined;
    if (reply.kind === 'answer') task.resolve(reply.data);
    else if (reply.kind === 'bad frame') task.reject(new BadFrameError(reply.file, reply.reason));
    else task.reject(new Error(`${frameName(task.request.frame)}: ${reply.message}`));
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
    for (const task of this.waiting.splice(0)) task.reject(error);
  }
}
