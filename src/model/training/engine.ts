import type { ThreadBackend } from '../backend.js';
import { fastOps } from '../kernels/fast-ops.js';
import { linkKernels } from '../kernels/link.js';
import type { Exchange } from './exchange.js';
import { registerGradients } from './gradients.js';
import { composedOps, type TrainingOps } from './training-ops.js';

/**
 * The training operations of this thread's backend, which must have started: our own kernels on wasm, for any number
 * of replicas; composed ones on cpu and TensorFlow, for one.
 */
export function trainingOps(backend: ThreadBackend, exchange: Exchange): TrainingOps {
  if (backend === 'wasm') return fastOps(linkKernels(), exchange);
  if (exchange.replicas > 1) throw new RangeError(`the ${backend} backend trains one replica`);
  registerGradients(backend);
  return composedOps;
}
