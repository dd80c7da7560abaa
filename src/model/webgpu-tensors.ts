import { createRequire } from 'node:module';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import type { Gpu } from '../gpu/device.js';
import type { TensorHost } from './training/tensor-host.js';

// Loads an optional package: import this module only where WebGPU is asked for.

export const WEBGPU_VERSION: string = (
  createRequire(import.meta.url)('@tensorflow/tfjs-backend-webgpu/package.json') as { version: string }
).version;

/** What tfjs-backend-webgpu 4.22 keeps to itself: commands recorded and not yet submitted. */
interface Recording {
  readonly commandEncoder: GPUCommandEncoder | null;
}

let started: WebGpuTensors | undefined;

/** tfjs-backend-webgpu on our own device, so that its tensors are our kernels' buffers. */
export class WebGpuTensors implements TensorHost {
  readonly #backend: WebGPUBackend;

  /** Registers the backend, once a device; an earlier one goes with its tensors. */
  static start(gpu: Gpu): WebGpuTensors {
    if (started?.gpu !== gpu) {
      if (tf.findBackendFactory('webgpu')) tf.removeBackend('webgpu');
      started = new WebGpuTensors(gpu);
    }
    return started;
  }

  private constructor(readonly gpu: Gpu) {
    this.#backend = newBackend(gpu);
    tf.registerBackend('webgpu', () => this.#backend);
  }

  /** Of the GPU's memory that tensors take, those kept for tensors to come included. */
  get bytes(): number {
    return this.#backend.memory().numBytesAllocatedInGPU;
  }

  /**
   * Runs work whose tensors are on the GPU, whatever this thread's backend is before and after.
   * @param work synchronous, so that no other work comes between
   */
  run<T>(work: () => T): T {
    const before = tf.getBackend();
    // The backend has started, and so this has taken effect when the call returns.
    void tf.setBackend('webgpu');
    try {
      return work();
    } finally {
      if (before && before !== 'webgpu') void tf.setBackend(before);
    }
  }

  /** @throws GpuError where the GPU was lost or its memory did not do for what was submitted before */
  async read<D extends 'float32' | 'int32' = 'float32'>(
    tensors: readonly tf.Tensor[],
  ): Promise<tf.DataTypeMap[D][]> {
    const kinds = tensors.map(({ dtype }) => (dtype === 'int32' ? Int32Array : Float32Array));
    // Recorded now, before the caller disposes them.
    const parts = await this.gpu.submitAndRead(
      this.gpu.device.createCommandEncoder(),
      tensors.map((tensor) => ({ buffer: this.bufferOf(tensor), words: tensor.size })),
    );
    return parts.map(({ buffer, byteOffset, length }, i) => {
      return new kinds[i](buffer as ArrayBuffer, byteOffset, length) as tf.DataTypeMap[D];
    });
  }

  /**
   * The buffer that holds a tensor's values, not a copy, once all that was submitted is done. It is the tensor's: whoever
   * reads it submits that before the tensor is disposed, and writes nothing to it.
   */
  bufferOf({ dataId }: tf.Tensor): GPUBuffer {
    const backend = this.#backend;
    backend.uploadToGPU(dataId);
    if ((backend as unknown as Recording).commandEncoder !== null) {
      backend.endComputePassEncoder();
      backend.submitQueue();
    }
    return backend.tensorMap.get(dataId).resource as GPUBuffer;
  }
}

/** tfjs asks `navigator` whether there is WebGPU, as browsers have it; it finds some for that moment. */
function newBackend({ device, adapter }: Gpu): WebGPUBackend {
  const known = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: {} }, configurable: true });
  try {
    return new WebGPUBackend(device, adapter.info);
  } finally {
    if (known) Object.defineProperty(globalThis, 'navigator', known);
    else Reflect.deleteProperty(globalThis, 'navigator');
  }
}
