import { availableParallelism } from 'node:os';
import { UserError } from '../../errors.js';
import type { Size } from '../../frame.js';
import { openGpu } from '../../gpu/device.js';
import { GpuError } from '../../gpu/errors.js';
import {
  AUTO_BACKENDS,
  type BackendChoice,
  type BackendName,
  type ChosenBackend,
  chooseBackend,
  giveUpGpu,
} from '../backend.js';
import { isTensorflow } from '../tensorflow/tensorflow.js';
import { DEFAULT_DRAWS, type McDropoutOptions } from './mc-dropout.js';
import { loadModel, type Model } from './model-folder.js';
import type { Segmenter } from './segmenter.js';
import { segmenterKey } from './segmenter-key.js';
import { SegmenterPool } from './segmenter-pool.js';
import { SteadySegmenter } from './steady-segmenter.js';

export interface SegmenterOptions {
  /** Model folder, or what `loadModel` read from one: a checkpoint of ours, or a TensorFlow.js model. */
  readonly model: string | Model;
  /** Dropout draws averaged, 20 if not given; 0 for dropout off. */
  readonly draws?: number;
  readonly seed: number;
  /**
   * Threads, one network each; as many as the machine has cores if not given. WebGPU takes none, TensorFlow one, which
   * has threads of its own.
   */
  readonly workers?: number;
  readonly backend?: BackendChoice;
  /** Hears, once, that `auto` chose a GPU that failed, and what the rest is done with; one sentence or two. */
  readonly onFallback?: (line: string) => void;
  /**
   * Of the frames to come, pixels; 320×240 if not given. A TensorFlow.js model is tried out on it, so that one that
   * cannot be used is refused before the first frame.
   */
  readonly size?: Size;
}

const WORKING_SIZE: Size = { width: 320, height: 240 };

/**
 * Loads a model folder and starts what runs it, workers or the GPU; resolves when all is ready. Where `auto` chose a GPU
 * and it fails, now or later, the next best takes its place and no frame is lost.
 * @throws UserError if the network cannot be used (a TensorFlow.js model also if it has no active dropout and several
 * draws are asked for), an option is out of range, or a backend is asked for by name and cannot be had
 */
export async function createSegmenter(options: SegmenterOptions): Promise<Segmenter> {
  const { draws = DEFAULT_DRAWS, seed, workers = availableParallelism() } = options;
  const { size = WORKING_SIZE } = options;
  for (const [name, value, least] of [
    ['dropout draws', draws, 0],
    ['workers', workers, 1],
  ] as const) {
    if (!Number.isInteger(value) || value < least) {
      throw new UserError(`Expected a whole number of ${name}, at least ${least}, got ${value}.`);
    }
  }
  const model = typeof options.model === 'string' ? await loadModel(options.model) : options.model;
  const chosen = await inferenceBackend(model, options.backend);
  const dropout = { draws, seed };
  const start = async (name: BackendName): Promise<Segmenter> => {
    if (name === 'webgpu') return startGpu(model, dropout);
    const threads = isTensorflow(name) ? 1 : workers;
    const pool = new SegmenterPool({ backend: name, model, options: dropout, size }, threads);
    await pool.ready();
    return pool;
  };
  const isGpu = chosen.name === 'webgpu' || chosen.name === 'tensorflow-gpu';
  if (!isGpu || chosen.name === options.backend) return start(chosen.name);

  const startNext = async (error: GpuError) => {
    giveUpGpu(error);
    const { name } = await inferenceBackend(model);
    options.onFallback?.(`${error.message} Inference goes on with ${name}.`);
    return start(name);
  };
  try {
    return new SteadySegmenter(await start(chosen.name), startNext);
  } catch (error) {
    if (!(error instanceof GpuError)) throw error;
    return startNext(error);
  }
}

async function startGpu(model: Model, dropout: McDropoutOptions): Promise<Segmenter> {
  if (model.kind !== 'deeplab') throw new RangeError('WebGPU runs networks of our own alone');
  const { GpuSegmenter } = await import('./gpu/gpu-segmenter.js');
  const key = segmenterKey(model, dropout, 'webgpu');
  return GpuSegmenter.create(await openGpu(), model.network, dropout, key);
}

/**
 * The backend that a network's maps are made on. A TensorFlow.js model may have any operation: some read back on the way,
 * which WebGPU cannot, and native TensorFlow was not tried. It gets WebAssembly, or the cpu backend if that is named.
 * @throws UserError if what is asked for by name cannot be had
 */
export async function inferenceBackend(model: Model, choice: BackendChoice = 'auto'): Promise<ChosenBackend> {
  if (model.kind === 'deeplab' || possibleBackends(model, choice)[0] === choice) return chooseBackend(choice);
  return { name: 'wasm', reason: 'a TensorFlow.js model runs on no other' };
}

/** What `inferenceBackend` may give, on this machine or another. */
export function possibleBackends(model: Model, choice: BackendChoice): readonly BackendName[] {
  if (model.kind !== 'deeplab') return [choice === 'cpu' ? 'cpu' : 'wasm'];
  return choice === 'auto' ? AUTO_BACKENDS : [choice];
}
