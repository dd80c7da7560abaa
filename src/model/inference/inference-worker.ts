import { parentPort, workerData } from 'node:worker_threads';
import { BadFrameError, UserError } from '../../errors.js';
import type { Size } from '../../frame.js';
import { type BackendName, startBackend } from '../backend.js';
import type { ProbabilityMap } from '../probability-map.js';
import { McDropout, type McDropoutFrame, type McDropoutOptions } from './mc-dropout.js';
import type { Model } from './model-folder.js';

/** What a worker is started with. */
export interface InferenceWorkerData {
  readonly backend: BackendName;
  readonly model: Model;
  readonly options: McDropoutOptions;
  /** Of the frames to come. */
  readonly size: Size;
}

/**
 * `ready` once, then for every frame, in order, a `map`, a `bad frame` to go on without, or a `failure` of ours;
 * `refusal` whenever the user has to act.
 */
export type InferenceReply =
  | { readonly kind: 'ready'; readonly classes: number }
  | { readonly kind: 'map'; readonly data: Uint16Array<ArrayBuffer> }
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

async function start(): Promise<{ classes: number; predict(frame: McDropoutFrame): ProbabilityMap }> {
  if (model.kind === 'deeplab') {
    const mcDropout = new McDropout(model.network, options);
    return { classes: model.network.config.classes, predict: (frame) => mcDropout.predict(frame) };
  }
  // What only other people's networks need is loaded for them alone.
  const { OwnMcDropout } = await import('./own/own-mc-dropout.js');
  return OwnMcDropout.start(model, options, size);
}

try {
  const network = await start();
  port.on('message', (frame: McDropoutFrame) => {
    try {
      const data = network.predict(frame).data as Uint16Array<ArrayBuffer>;
      reply({ kind: 'map', data }, [data.buffer]);
    } catch (error) {
      replyError(error);
    }
  });
  reply({ kind: 'ready', classes: network.classes });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  replyError(error);
}
