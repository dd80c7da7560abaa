import type { OperatorFunction } from 'rxjs';
import type { Frame } from '../frame.js';
import { createSegmenter, inferenceBackend, possibleBackends } from '../model/inference/create-segmenter.js';
import { loadModel } from '../model/inference/model-folder.js';
import type { Segmenter } from '../model/inference/segmenter.js';
import { segmenterKey } from '../model/inference/segmenter-key.js';
import type { GpuProbabilityMap, ProbabilityMap } from '../model/probability-map.js';
import { segment } from '../operators/segment.js';
import { segmentOnGpu } from '../operators/segment-on-gpu.js';
import type { Monitor } from './monitor.js';
import type { Run } from './run.js';

/** Gives frames their probability maps. */
export interface Segmentation {
  readonly onCpu: OperatorFunction<Frame, ProbabilityMap>;
  /** The same maps, but those that are made now stay on the GPU; undefined where the network is not there. */
  readonly onGpu: OperatorFunction<Frame, ProbabilityMap | GpuProbabilityMap> | undefined;
}

/** The network of a model folder, started when first asked for. */
export interface StageNetwork {
  /** As `Segmenter.key`, known before anything is started. */
  readonly key: string;
  readonly segmenter: () => Promise<Segmenter>;
  readonly maps: Segmentation;
  /** Ends what was started. */
  close(): Promise<void>;
}

/**
 * @param draws of MC dropout; 0 = dropout off
 * @throws UserError where the folder holds no network, or a backend is asked for that cannot be had
 */
export async function stageNetwork(
  { options, size, monitor }: Pick<Run, 'options' | 'size' | 'monitor'>,
  modelFolder: string,
  draws: number,
): Promise<StageNetwork> {
  const { seed, backend, workers } = options;
  const model = await loadModel(modelFolder);
  const { name, reason } = await inferenceBackend(model, backend);
  let started: Promise<Segmenter> | undefined;
  const start = () => {
    if (name !== backend) noteOnce(monitor, `inference is on ${name}: ${reason}`);
    const onFallback = (line: string) => monitor.warn(line);
    const wanted = { model, draws, seed, backend, size, onFallback };
    return createSegmenter({ ...wanted, ...(workers ? { workers } : {}) });
  };
  const segmenter = () => {
    started ??= start();
    return started;
  };
  return {
    key: segmenterKey(model, { draws, seed }, name),
    segmenter,
    maps: {
      onCpu: segment(segmenter),
      onGpu: name === 'webgpu' ? segmentOnGpu(segmenter) : undefined,
    },
    close: async () => (await started?.catch(() => undefined))?.close(),
  };
}

/**
 * Keys that a run's stored maps may go by, whichever backend made them; asks for no GPU.
 * @throws UserError where the folder holds no network
 */
export async function networkKeys(
  { seed, backend, draws }: Run['options'],
  modelFolder: string,
): Promise<readonly string[]> {
  const model = await loadModel(modelFolder);
  return possibleBackends(model, backend).map((name) => segmenterKey(model, { draws, seed }, name));
}

/** What each monitor has been told: rounds of active learning start many networks. */
const told = new WeakMap<Monitor, string>();

function noteOnce(monitor: Monitor, line: string): void {
  if (told.get(monitor) === line) return;
  told.set(monitor, line);
  monitor.note(line);
}
