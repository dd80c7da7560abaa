import { readFileSync } from 'node:fs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { workerUrl } from '../../worker-url.js';

/** A byte address on the heap of tfjs-backend-wasm. */
export type Address = number;

/** The functions of `assembly/`; each is documented there. */
export interface KernelExports {
  add(a: Address, b: Address, sum: Address, n: number): void;
}

/** What tfjs-backend-wasm 4.22 does not declare: Emscripten's module behind it. */
interface HeapOwner {
  readonly wasm: {
    readonly asm: { readonly memory: WebAssembly.Memory };
    _malloc(bytes: number): Address;
    _free(address: Address): void;
  };
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: Address } };
}

/** The kernels of `assembly/`, linked over the heap on which tfjs-backend-wasm keeps its tensors. */
export interface LinkedKernels {
  readonly call: KernelExports;
  /** Where a tensor's values begin; valid while the tensor lives. */
  addressOf(tensor: tf.TensorInfo): Address;
  /** A fresh float32 tensor whose values are whatever lay there. */
  allocate(shape: readonly number[]): tf.TensorInfo;
  /** Lends `bytes` of scratch memory to `use`, then frees it. */
  scratch<T>(bytes: number, use: (address: Address) => T): T;
  /** The heap as it is now: memory that grows detaches older views, so take it after the last allocation. */
  heap(): ArrayBuffer;
}

let linked: LinkedKernels | undefined;

/**
 * Links the kernels to this thread's wasm backend, which must have started; later calls give the same.
 * @throws Error if the compiled kernels are absent (`npm run build` makes them) or the engine has no SIMD
 */
export function linkKernels(): LinkedKernels {
  linked ??= link();
  return linked;
}

function link(): LinkedKernels {
  const backend = tf.findBackend('wasm') as BackendWasm;
  const { wasm, dataIdMap } = backend as unknown as HeapOwner;
  const { memory } = wasm.asm;
  const module = new WebAssembly.Module(readFileSync(workerUrl(import.meta.url, './kernels.wasm')));
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  return {
    call: instance.exports as unknown as KernelExports,
    addressOf: ({ dataId }) => dataIdMap.get(dataId).memoryOffset >>> 0,
    allocate: (shape) => backend.makeOutput([...shape], 'float32'),
    scratch(bytes, use) {
      const address = wasm._malloc(bytes) >>> 0;
      if (address === 0) throw new Error(`the wasm heap has no room for ${bytes} bytes more`);
      try {
        return use(address);
      } finally {
        wasm._free(address);
      }
    },
    heap: () => memory.buffer,
  };
}
