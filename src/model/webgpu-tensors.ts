import { createRequire } from 'node:module';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import type { Gpu } from '../gpu/device.js';
import type { KernelModule } from '../gpu/kernels.js';
import type { TensorHost } from './training/tensor-host.js';

// Loads an optional package: import this module only where WebGPU is asked for.

export const WEBGPU_VERSION: string = (
  createRequire(import.meta.url)('@tensorflow/tfjs-backend-webgpu/package.json') as { version: string }
).version;

/** What tfjs-backend-webgpu 4.22 keeps to itself. */
interface Internals {
  /** Commands recorded and not yet submitted. */
  readonly commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: GPUComputePassEncoder | null;
  /** Dispatches among them, of 15 at most. */
  dispatchCountInPass: number;
  /** Tensors that they use: disposed of before they are submitted, their buffers are given back afterwards. */
  readonly commandQueueOwnedIds: WeakSet<tf.DataId>;
  /** Uniforms that they use, given back afterwards. */
  readonly uniformPendingDisposal: GPUBuffer[];
  readonly bufferManager: BufferManager;
  ensureCommandEncoderReady(): void;
}

interface BufferManager {
  /** By size and usage. */
  readonly freeBuffers: Map<string, GPUBuffer[]>;
  numFreeBuffers: number;
  numBytesAllocated: number;
  acquireBuffer(size: number, usage: GPUBufferUsageFlags): GPUBuffer;
}

/** Dispatches that are submitted together, as tfjs has it. */
const BATCH = 15;

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
    this.#backend.uploadToGPU(dataId);
    this.#submit();
    return this.#backend.tensorMap.get(dataId).resource as GPUBuffer;
  }

  /** A tensor for kernels of ours to fill, float32. */
  allocate(shape: readonly number[]): tf.TensorInfo {
    return this.#backend.makeTensorInfo([...shape], 'float32');
  }

  /** Disposes of one that no engine has come to know. */
  free({ dataId }: tf.TensorInfo): void {
    this.#backend.disposeData(dataId);
  }

  /**
   * Records kernels of ours after what tfjs has recorded; it is submitted with that, in its order.
   *
   * @param bound by name in the WGSL: tensors, and what a uniform holds
   */
  compute<Entry extends string>(
    module: KernelModule<Entry>,
    bound: Readonly<Record<string, tf.TensorInfo | Uint32Array>>,
    dispatches: readonly (readonly [entry: Entry, workgroups: number])[],
  ): void {
    const backend = this.#backend;
    const internals = this.#internals;
    const buffers: Record<string, GPUBuffer> = {};
    for (const [name, value] of Object.entries(bound)) {
      if (value instanceof Uint32Array) buffers[name] = this.#uniform(value);
      else {
        // May record a copy, and so end the pass.
        backend.uploadToGPU(value.dataId);
        buffers[name] = backend.tensorMap.get(value.dataId).resource as GPUBuffer;
        internals.commandQueueOwnedIds.add(value.dataId);
      }
    }
    const group = module.bind(buffers);
    internals.ensureCommandEncoderReady();
    internals.computePassEncoder ??= internals.commandEncoder!.beginComputePass();
    for (const [entry, workgroups] of dispatches)
      module.dispatch(internals.computePassEncoder, entry, group, workgroups);
    internals.dispatchCountInPass += dispatches.length;
    if (internals.dispatchCountInPass >= BATCH) this.#submit();
  }

  /** Gives the memory of tensors that are disposed of back to the GPU. */
  trim(): void {
    this.#submit();
    const { bufferManager } = this.#internals;
    for (const [key, buffers] of bufferManager.freeBuffers) {
      for (const buffer of buffers) {
        bufferManager.numBytesAllocated -= buffer.size;
        bufferManager.numFreeBuffers--;
        buffer.destroy();
      }
      bufferManager.freeBuffers.set(key, []);
    }
  }

  /** What has been recorded, if anything. */
  #submit(): void {
    if (this.#internals.commandEncoder === null) return;
    this.#backend.endComputePassEncoder();
    this.#backend.submitQueue();
  }

  #uniform(words: Uint32Array): GPUBuffer {
    const internals = this.#internals;
    const buffer = internals.bufferManager.acquireBuffer(
      words.byteLength,
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    );
    this.gpu.write(buffer, 0, words);
    internals.uniformPendingDisposal.push(buffer);
    return buffer;
  }

  get #internals(): Internals {
    return this.#backend as unknown as Internals;
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
