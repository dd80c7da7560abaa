import { parentPort, workerData } from 'node:worker_threads';
import { type BackendName, startBackend } from '../backend.js';
import type { Network } from '../network.js';
import { McDropout, type McDropoutFrame, type McDropoutOptions } from './mc-dropout.js';

/** What a worker is started with. */
export interface InferenceWorkerData {
  readonly backend: BackendName;
  readonly network: Network;
  readonly options: McDropoutOptions;
}

/** `ready` once, then one `map` or `failure` for every frame, in order. */
export type InferenceReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'map'; readonly data: Uint16Array<ArrayBuffer> }
  | { readonly kind: 'failure'; readonly message: string };

// A module with top-level effects, meant only to be a worker's entry: it exports types and nothing else.
const port = parentPort!;
const { backend, network, options } = workerData as InferenceWorkerData;
await startBackend(backend);
const mcDropout = new McDropout(network, options);

port.on('message', (frame: McDropoutFrame) => {
  try {
    const data = mcDropout.predict(frame).data as Uint16Array<ArrayBuffer>;
    port.postMessage({ kind: 'map', data } satisfies InferenceReply, [data.buffer]);
  } catch (error) {
    port.postMessage({ kind: 'failure', message: (error as Error).message } satisfies InferenceReply);
  }
});
port.postMessage({ kind: 'ready' } satisfies InferenceReply);
