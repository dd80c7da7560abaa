import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, sep } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../errors.js';
import { findGpu, openGpu } from '../gpu/device.js';
import { GpuError } from '../gpu/errors.js';
import { registerWasmKernels } from './kernels/wasm-kernels.js';
import {
  findTensorflow,
  isInstalled,
  isTensorflow,
  startTensorflow,
  type TensorflowName,
} from './tensorflow/tensorflow.js';

export type BackendName = TensorflowName | 'webgpu' | 'wasm' | 'cpu';
/** Those that any thread may start for itself. */
export type ThreadBackend = Exclude<BackendName, 'webgpu'>;
/** What `--backend` takes; `auto` picks the fastest that this machine runs. */
export type BackendChoice = 'auto' | BackendName;

/** The backend that a choice comes to. */
export interface ChosenBackend {
  readonly name: BackendName;
  /** A clause for the user. */
  readonly reason: string;
}

/** What `auto` comes to, best first. */
export const AUTO_BACKENDS = ['tensorflow-gpu', 'webgpu', 'tensorflow', 'wasm'] as const;

let givenUp: GpuError | undefined;

/** The GPU failed under `auto`: later choices are made without it, so that it is tried, and told of, once. */
export function giveUpGpu(error: GpuError): void {
  givenUp ??= error;
}

/** Why `auto` takes the GPU no more in this process, if it does not. */
export function gpuGivenUp(): GpuError | undefined {
  return givenUp;
}

/**
 * The backend to infer with: `auto` takes the best there is, TensorFlow on a GPU, then WebGPU on a real one, then
 * TensorFlow on the processor, then WebAssembly. A software GPU, slower than any of them, is taken only by name.
 * @throws UserError if what is asked for by name cannot be had: a GpuError of kind `missing` if that is WebGPU
 */
export function chooseBackend(choice: BackendChoice = 'auto'): Promise<ChosenBackend> {
  return choose(choice, AUTO_BACKENDS);
}

/**
 * The backend to train with, as `chooseBackend`; but TensorFlow, which trains the small network at half the rate of our
 * kernels on WebAssembly and was not tried on a GPU, only by name.
 */
export function chooseTrainingBackend(choice: BackendChoice = 'auto'): Promise<ChosenBackend> {
  return choose(choice, ['webgpu', 'wasm']);
}

/** @param candidates what `auto` takes the first of that fits, the last if none does */
async function choose(
  choice: BackendChoice,
  candidates: readonly (typeof AUTO_BACKENDS)[number][],
): Promise<ChosenBackend> {
  if (choice === 'webgpu') await describeWebGpu();
  if (isTensorflow(choice)) await findTensorflow(choice);
  if (choice !== 'auto') return { name: choice, reason: 'asked for' };
  const reasons: string[] = [];
  for (const name of candidates) {
    if (name === 'wasm' || (isTensorflow(name) && !isInstalled(name))) continue;
    const { fits, reason } = await look(name);
    if (fits) return { name, reason: [reason, ...reasons].join('; ') };
    if (!reasons.includes(reason)) reasons.push(reason);
  }
  return { name: 'wasm', reason: reasons.join('; ') };
}

/** Whether `auto` takes a backend, and a clause that says why or why not. */
async function look(name: TensorflowName | 'webgpu'): Promise<{ fits: boolean; reason: string }> {
  if (name !== 'tensorflow' && givenUp !== undefined)
    return { fits: false, reason: `the GPU failed: ${clause(givenUp)}` };
  try {
    if (name === 'webgpu') {
      const gpu = await findGpu();
      if (gpu.software) return { fits: false, reason: `the only GPU, ${gpu.name}, is software, and slower` };
      await describeWebGpu();
      return { fits: true, reason: `there is a GPU, ${gpu.name}` };
    }
    const { version, gpu } = await findTensorflow(name);
    return { fits: true, reason: `TensorFlow ${version} ${gpu ? 'sees a GPU' : 'is installed'}` };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { fits: false, reason: clause(error) };
  }
}

/** A sentence as part of another. */
function clause({ message }: Error): string {
  return message.replace(/\.$/, '');
}

/** What `doctor` says about one backend. */
export interface BackendReport {
  readonly name: BackendName;
  readonly available: boolean;
  /** Version and manner, or the reason why it cannot be used. */
  readonly detail: string;
}

export interface BackendsReport {
  readonly node: string;
  readonly cores: number;
  readonly backends: readonly BackendReport[];
  /** To infer with. */
  readonly chosen: ChosenBackend;
  readonly training: ChosenBackend;
}

/**
 * Says which backends this machine has, and which of them `choice` gives and why. Starts none.
 * @throws UserError as `chooseBackend`
 */
export async function describeBackends(choice: BackendChoice = 'auto'): Promise<BackendsReport> {
  return {
    node: process.versions.node,
    cores: availableParallelism(),
    backends: [
      await describe('tensorflow-gpu', () => describeTensorflow('tensorflow-gpu')),
      await describe('webgpu', describeWebGpu),
      await describe('tensorflow', () => describeTensorflow('tensorflow')),
      await describe('wasm', describeWasm),
      await describe('cpu', describeCpu),
    ],
    chosen: await chooseBackend(choice),
    training: await chooseTrainingBackend(choice),
  };
}

async function describe(name: BackendName, detail: () => Promise<string>): Promise<BackendReport> {
  try {
    return { name, available: true, detail: await detail() };
  } catch (error) {
    return { name, available: false, detail: (error as Error).message };
  }
}

async function describeWebGpu(): Promise<string> {
  const { name, software } = await findGpu();
  const { WEBGPU_VERSION } = await loadWebGpu();
  return `tfjs-backend-webgpu ${WEBGPU_VERSION} on ${name}${software ? ', a software GPU: for tests only' : ''}`;
}

async function describeTensorflow(name: TensorflowName): Promise<string> {
  const { package: from, version, gpu } = await findTensorflow(name);
  return `TensorFlow ${version} by ${from}, on ${gpu ? 'a GPU' : `the processor's cores`}`;
}

async function describeWasm(): Promise<string> {
  const { version_wasm } = await import('@tensorflow/tfjs-backend-wasm');
  // tfjs takes its SIMD build by itself where the engine runs it.
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  return `tfjs-backend-wasm ${version_wasm}, ${simd ? 'with' : 'without'} SIMD, one thread a worker`;
}

async function describeCpu(): Promise<string> {
  const { version_cpu } = await import('@tensorflow/tfjs-backend-cpu');
  return `tfjs-backend-cpu ${version_cpu}, plain JavaScript, about 30 times slower: for checks only`;
}

/**
 * Makes a backend that of this thread's tfjs. Calling it again is free. A thread's tfjs has one current backend, so a
 * process that wants two cores starts two workers.
 * @throws GpuError where WebGPU cannot be had
 */
export async function startBackend(name: BackendName): Promise<void> {
  // Production mode: tfjs greets no one on the console and skips its checks for NaN.
  tf.enableProdMode();
  if (name === 'wasm') await startWasm();
  else if (isTensorflow(name)) await startTensorflow(name);
  else if (name === 'webgpu') {
    const { WebGpuTensors } = await loadWebGpu();
    WebGpuTensors.start(await openGpu());
    await tf.setBackend('webgpu');
  } else {
    await import('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
  }
}

/** What tfjs calls a backend, and its kernels go by. */
export function tfjsName(name: BackendName): string {
  return isTensorflow(name) ? 'tensorflow' : name;
}

/** The module that needs the optional package. */
async function loadWebGpu(): Promise<typeof import('./webgpu-tensors.js')> {
  try {
    return await import('./webgpu-tensors.js');
  } catch (error) {
    const [reason] = (error as Error).message.split(/\n| imported from /);
    throw new GpuError(
      'missing',
      `The package @tensorflow/tfjs-backend-webgpu does not load here: ${reason}.`,
    );
  }
}

async function startWasm(): Promise<void> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  if (tf.findBackend('wasm') === null) {
    // The binaries lie beside the installed package's entry, wherever the working directory is.
    const entry = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
    setWasmPaths(dirname(entry) + sep);
    const before = (['uncaughtException', 'unhandledRejection'] as const).map(
      (event) => [event, new Set<unknown>(process.listeners(event as 'uncaughtException'))] as const,
    );
    await tf.setBackend('wasm');
    // Emscripten's glue adds handlers that rethrow whatever error nobody caught, in the whole process. Errors
    // are not its business.
    for (const [event, known] of before) {
      for (const listener of process.listeners(event as 'uncaughtException')) {
        if (!known.has(listener)) process.removeListener(event, listener);
      }
    }
    registerWasmKernels();
  } else await tf.setBackend('wasm');
}
