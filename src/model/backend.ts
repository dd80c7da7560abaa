import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, sep } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { registerWasmKernels } from './kernels/wasm-kernels.js';

export type BackendName = 'wasm' | 'cpu';
/** What `--backend` takes; `auto` picks the fastest that this machine runs. */
export type BackendChoice = 'auto' | BackendName;

/** The backend that a choice comes to: the fastest present, WebAssembly, unless one is named. */
export function chooseBackend(choice: BackendChoice = 'auto'): BackendName {
  return choice === 'auto' ? 'wasm' : choice;
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
  readonly chosen: BackendName;
  readonly reason: string;
}

/** Says which backends this machine has, and which of them `choice` gives and why. Starts none. */
export async function describeBackends(choice: BackendChoice = 'auto'): Promise<BackendsReport> {
  const cores = availableParallelism();
  return {
    node: process.versions.node,
    cores,
    backends: [await describe('wasm', describeWasm), await describe('cpu', describeCpu)],
    chosen: chooseBackend(choice),
    reason:
      choice === 'auto'
        ? `the fastest present; a worker runs one thread of it, and ${cores} workers fill the cores`
        : 'asked for',
  };
}

async function describe(name: BackendName, detail: () => Promise<string>): Promise<BackendReport> {
  try {
    return { name, available: true, detail: await detail() };
  } catch (error) {
    return { name, available: false, detail: (error as Error).message };
  }
}

async function describeWasm(): Promise<string> {
  const { version_wasm } = await import('@tensorflow/tfjs-backend-wasm');
  // tfjs takes its SIMD build by itself where the engine runs it.
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  return `tfjs-backend-wasm ${version_wasm}, ${simd ? 'with' : 'without'} SIMD`;
}

async function describeCpu(): Promise<string> {
  const { version_cpu } = await import('@tensorflow/tfjs-backend-cpu');
  return `tfjs-backend-cpu ${version_cpu}, plain JavaScript, about 30 times slower: for checks only`;
}

/**
 * Makes `choice` the backend of this thread's tfjs and returns its name. Calling it again is free; tfjs has one
 * backend a thread, so a process that wants two cores starts two workers.
 */
export async function startBackend(choice: BackendChoice = 'auto'): Promise<BackendName> {
  // Production mode: tfjs greets no one on the console and skips its checks for NaN.
  tf.enableProdMode();
  const name = chooseBackend(choice);
  if (name === 'wasm') await startWasm();
  else {
    await import('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
  }
  return name;
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
