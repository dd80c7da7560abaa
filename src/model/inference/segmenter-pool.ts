import { BadFrameError, UserError } from '../../errors.js';
import { type Frame, frameName } from '../../frame.js';
import { GpuError } from '../../gpu/errors.js';
import { WorkerPool } from '../../worker-pool.js';
import { workerUrl } from '../../worker-url.js';
import type { ProbabilityMap } from '../probability-map.js';
import type {
  InferenceAnswers,
  InferenceReply,
  InferenceRequest,
  InferenceWorkerData,
} from './inference-worker.js';
import type { Model } from './model-folder.js';
import type { Segmenter } from './segmenter.js';
import { segmenterKey } from './segmenter-key.js';

/**
 * Shares frames among workers, each with its own tfjs. A worker that dies takes the pool with it; so does a network that
 * turns out to be unusable, the reason then being a UserError. Whatever else goes wrong in workers that compute on a GPU is a
 * GpuError.
 */
export class SegmenterPool implements Segmenter {
  /** Known when it is ready; 0 until then. */
  classes = 0;
  readonly key: string;
  readonly concurrency: number;
  private readonly model: Model;
  private readonly isGpu: boolean;
  private isClosed = false;
  private readonly pool: WorkerPool<InferenceRequest, InferenceReply>;

  constructor(
    workerData: InferenceWorkerData,
    workers: number,
    url = workerUrl(import.meta.url, './inference-worker.js'),
  ) {
    const { model, options, backend } = workerData;
    this.model = model;
    this.isGpu = backend === 'tensorflow-gpu';
    this.key = segmenterKey(model, options, backend);
    this.concurrency = workers;
    this.pool = new WorkerPool('a segmentation worker', url, workers, workerData, (message) => {
      if (message.kind === 'ready') this.classes = message.classes;
      else if (message.kind === 'refusal') throw new UserError(message.message);
    });
  }

  /** Resolves when every worker is ready; rejects if one cannot start. */
  async ready(): Promise<void> {
    await this.pool.ready.catch((error: Error) => {
      throw this.failure(error);
    });
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

  close(): Promise<void> {
    this.isClosed = true;
    return this.pool.close(new Error('the segmenter is closed'));
  }

  private async request<Kind extends keyof InferenceAnswers>(
    kind: Kind,
    frame: Frame,
  ): Promise<InferenceAnswers[Kind]> {
    const { scene, id, width, height } = frame;
    const colour = new Uint8Array(frame.colour);
    const request = { kind, frame: { scene, id, width, height, colour } };
    const reply = await this.pool.ask(request, [colour.buffer]).catch((error: Error) => {
      throw this.failure(error);
    });
    // A worker answers with what it was asked for.
    if (reply.kind === 'answer') return reply.data as InferenceAnswers[Kind];
    if (reply.kind === 'bad frame') throw new BadFrameError(reply.file, reply.reason);
    throw this.failure(
      new Error(`${frameName(frame)}: ${reply.kind === 'failure' ? reply.message : reply.kind}`),
    );
  }

  /** What the workers failed with, as whoever has another backend is to hear it. */
  private failure(error: Error): Error {
    if (!this.isGpu || this.isClosed || error instanceof UserError) return error;
    const kind = /\bOOM\b|out of memory/i.test(error.message) ? 'memory' : 'lost';
    const [reason] = error.message.split('\n');
    return new GpuError(kind, `TensorFlow failed on the GPU: ${reason.replace(/\.$/, '')}.`);
  }
}
