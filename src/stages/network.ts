import { loadModel } from '../model/inference/model-folder.js';
import type { Segmenter } from '../model/inference/segmenter.js';
import { createSegmenter, segmenterKey } from '../model/inference/segmenter-pool.js';
import type { Run } from './run.js';

/** The network of a model folder, started when first asked for. */
export interface StageNetwork {
  /** As `Segmenter.key`, known before anything is started. */
  readonly key: string;
  readonly segmenter: () => Promise<Segmenter>;
  /** Ends what was started. */
  close(): Promise<void>;
}

/**
 * @param draws of MC dropout; 0 = dropout off
 * @throws UserError where the folder holds no network
 */
export async function stageNetwork(
  { options, size }: Pick<Run, 'options' | 'size'>,
  modelFolder: string,
  draws: number,
): Promise<StageNetwork> {
  const { seed, backend, workers } = options;
  const model = await loadModel(modelFolder);
  let started: Promise<Segmenter> | undefined;
  return {
    key: segmenterKey(model, { draws, seed }, backend),
    segmenter: () => {
      started ??= createSegmenter({ model, draws, seed, backend, size, ...(workers ? { workers } : {}) });
      return started;
    },
    close: async () => (await started?.catch(() => undefined))?.close(),
  };
}
