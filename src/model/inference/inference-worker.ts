import { parentPort, workerData } from 'node:worker_threads';
import { BadFrameError, UserError } from '../../errors.js';
import type { Size } from '../../frame.js';
import { startBackend, type ThreadBackend } from '../backend.js';
import { McDropout, type McDropoutFrame, type McDropoutOptions } from './mc-dropout.js';
import type { Model } from './model-folder.js';

/** What a worker is started with. */
export interface InferenceWorkerData {
  readonly backend: ThreadBackend;
  readonly model: Model;
  readonly options: McDropoutOptions;
  /** Of the frames to come. */
  readonly size: Size;
}

/** What a worker can make of a frame. */
export interface InferenceAnswers {
  /** The data of a `ProbabilityMap`. */
  map: Uint16Array;
  /** See `Segmenter.describe`; of our own networks alone. */
  features: Float32Array;
}

export type InferenceAnswer = InferenceAnswers[keyof InferenceAnswers];

export interface InferenceRequest {
  readonly kind: keyof InferenceAnswers;
  readonly frame: McDropoutFrame;
}

/**
 * `ready` once, then for every request, in order, its `answer`, a `bad frame` to go on without, or a `failure` of
 * ours; `refusal` whenever the user has to act.
 */
export type InferenceReply =
  | { readonly kind: 'ready'; readonly classes: number }
  | { readonly kind: 'answer'; readonly data: InferenceAnswer }
  | { readonly kind: 'bad frame'; readonly file: string; readonly reason: string }
  | { readonly kind: 'failure'; readonly message: string }
  | { readonly kind: 'refusal'; readonly message: string };

// A module with top-level effects, meant only to be a worker's entry: it exports types and nothing else.
const port = parentPort!;
const { backend, model, options, size } = workerData as InferenceWorkerData;
await startBackend(backend);

function reply(message: InferenceReply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function replyError(error: unknown): void {
  if (error instanceof BadFrameError) {
    const { file, reason } = error;
    reply({ kind: 'bad frame', file, reason });
  } else {
    const { message } = error as Error;
    reply({ kind: error instanceof UserError ? 'refusal' : 'failure', message });
  }
}

type Answering = { [Kind in keyof InferenceAnswers]: (frame: McDropoutFrame) => InferenceAnswers[Kind] };

async function start(): Promise<{ classes: number; answering: Partial<Answering> }> {
  if (model.kind === 'deeplab') {
    const mcDropout = new McDropout(model.network, options);
    return {
      classes: model.network.config.classes,
      answering: {
        map: (frame) => mcDropout.predict(frame).data,
        features: (frame) => mcDropout.inference.describe(frame),
      },
    };
  }
  // What only other people's networks need is loaded for them alone.
  const { OwnMcDropout } = await import('./own/own-mc-dropout.js');
  const mcDropout = await OwnMcDropout.start(model, options, size);
  return { classes: mcDropout.classes, answering: { map: (frame) => mcDropout.predict(frame).data } };
}

try {
  const { classes, answering } = await start();
  port.on('message', ({ kind, frame }: InferenceRequest) => {
    try {
      // The pool asks a network for nothing that it cannot give.
      const data = answering[kind]!(frame);
      reply({ kind: 'answer', data }, [data.buffer as ArrayBuffer]);
    } catch (error) {
      replyError(error);
    }
  });
  reply({ kind: 'ready', classes });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  replyError(error);
}
