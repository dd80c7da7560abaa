import { parentPort, workerData } from 'node:worker_threads';
import { startBackend, type ThreadBackend } from '../backend.js';
import type { Network } from '../network.js';
import type { LabelledImage } from './crop.js';
import { trainingOps } from './engine.js';
import { alone } from './exchange.js';
import { Replica } from './replica.js';
import type { Sample } from './samples.js';
import { SharedExchange, type SharedMemory } from './shared-exchange.js';
import type { TrainingState } from './state.js';
import type { HostTensors } from './training-replica.js';

/** What a worker is started with. */
export interface TrainingWorkerData {
  readonly backend: ThreadBackend;
  readonly state: TrainingState;
  readonly classWeights: Float32Array | undefined;
  /** Absent where there is one replica. */
  readonly shared: SharedMemory | undefined;
  /** Which replica this is, from 0. */
  readonly index: number;
}

export type TrainingRequest =
  | { readonly kind: 'step'; readonly samples: readonly Sample[]; readonly learningRate: number }
  | { readonly kind: 'evaluate'; readonly images: readonly LabelledImage[] }
  | { readonly kind: 'network' }
  | { readonly kind: 'momentum' };

/** `ready` once, then one answer to every request, in order. */
export type TrainingReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'stepped'; readonly loss: number }
  | { readonly kind: 'evaluated'; readonly counts: Float64Array }
  | { readonly kind: 'network'; readonly network: Network }
  | { readonly kind: 'momentum'; readonly velocity: HostTensors };

// A module with top-level effects, meant only to be a worker's entry: it exports types and nothing else. Whatever it
// throws ends the worker, which the trainer sees.
const port = parentPort!;
const { backend, state, classWeights, shared, index } = workerData as TrainingWorkerData;
await startBackend(backend);
const exchange = shared ? new SharedExchange(shared, index) : alone(state.options.batch);
const replica = new Replica(state, trainingOps(backend, exchange), exchange, classWeights);

async function answer(request: TrainingRequest): Promise<TrainingReply> {
  if (request.kind === 'step')
    return { kind: 'stepped', loss: await replica.step(request.samples, request.learningRate) };
  if (request.kind === 'evaluate')
    return { kind: 'evaluated', counts: await replica.evaluate(request.images) };
  if (request.kind === 'network') return { kind: 'network', network: await replica.network() };
  return { kind: 'momentum', velocity: await replica.momentum() };
}

port.on('message', async (request: TrainingRequest) => port.postMessage(await answer(request)));
port.postMessage({ kind: 'ready' } satisfies TrainingReply);
