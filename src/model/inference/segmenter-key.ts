import { createHash, type Hash } from 'node:crypto';
import type { BackendName } from '../backend.js';
import type { Network } from '../network.js';
import type { McDropoutOptions } from './mc-dropout.js';
import type { Model } from './model-folder.js';

/** Goes into the key: raise it when the same network and options come to give other maps. */
const ALGORITHM_VERSION = 2;
/** The same for TensorFlow.js models. */
const OWN_ALGORITHM_VERSION = 1;

/**
 * `Segmenter.key` without starting one. A network of ours is named by its config and weights, not by its file, whose
 * metadata may differ; a TensorFlow.js model by its files.
 */
export function segmenterKey(model: Model, { draws, seed }: McDropoutOptions, backend: BackendName): string {
  const hash = createHash('sha256');
  if (model.kind === 'deeplab') {
    const { config } = model.network;
    hash.update(JSON.stringify({ version: ALGORITHM_VERSION, config, draws, seed, backend }));
    updateWithWeights(hash, model.network);
  } else {
    const { kind, digest } = model;
    hash.update(JSON.stringify({ version: OWN_ALGORITHM_VERSION, kind, digest, draws, seed, backend }));
  }
  return hash.digest('hex');
}

function updateWithWeights(hash: Hash, { tensors }: Network): void {
  for (const [name, { data }] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(name);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
}
