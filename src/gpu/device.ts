import { GpuError } from './errors.js';
import type { GpuTimer } from './timer.js';

/** Features asked for where the adapter has them; nothing here needs one of them. */
const WANTED_FEATURES: readonly GPUFeatureName[] = ['timestamp-query', 'shader-f16'];

/** Storage buffers that one of our kernels binds, the least that WebGPU promises. */
export const STORAGE_BUFFERS = 8;

/** What is known of an adapter. */
export interface AdapterReport {
  /** As the driver calls it, for instance "llvmpipe (LLVM 15.0.6, 256 bits)". */
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  /** The driver and its version, as it calls itself. */
  readonly driver: string;
  /** True where a processor plays the GPU. */
  readonly software: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** The one open device of this process. Who shares it may submit work, but must not destroy it. */
export class Gpu {
  /** Times every pass while attached; for benchmarks. */
  timer: GpuTimer | undefined;
  #failure: GpuError | undefined;
  readonly #free: GPUBuffer[] = [];

  constructor(
    readonly adapter: GPUAdapter,
    readonly device: GPUDevice,
    readonly report: AdapterReport,
  ) {
    void device.lost.then(({ reason, message }) => {
      this.#failure ??= new GpuError(
        'lost',
        reason === 'destroyed'
          ? 'The GPU was closed while work was still to be done on it.'
          : `The GPU ${report.name} was lost (${firstLine(message)}); try again, or choose another backend.`,
      );
    });
    device.addEventListener('uncapturederror', (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      this.#failure ??= isOutOfMemory(error) ? outOfMemory(report) : unexpected(report, error);
    });
  }

  /** @throws GpuError where the device was lost, or an earlier command failed; results since then are void */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Runs work by a library that fails in words of its own when the device is lost.
   * @throws GpuError, the reason, instead
   */
  async attempt<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      // The promise that tells of a loss may settle a turn later.
      await new Promise((resolve) => setImmediate(resolve));
      this.check();
      throw error;
    }
  }

  /**
   * A new buffer, all zero.
   * @param size bytes
   * @throws GpuError of kind `memory` where it does not fit
   */
  async allocate(size: number, usage: GPUBufferUsageFlags, label: string): Promise<GPUBuffer> {
    this.check();
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const most = usage & GPUBufferUsage.STORAGE ? maxStorageBufferBindingSize : maxBufferSize;
    if (size > Math.min(most, maxBufferSize)) throw outOfMemory(this.report, size);
    this.device.pushErrorScope('out-of-memory');
    const buffer = this.device.createBuffer({ size, usage, label });
    if ((await this.device.popErrorScope()) !== null) throw outOfMemory(this.report, size);
    return buffer;
  }

  /** A new storage buffer with this content, padded with zeros to whole words. */
  async upload(data: ArrayBufferView, label: string): Promise<GPUBuffer> {
    const size = Math.max(4, Math.ceil(data.byteLength / 4) * 4);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = await this.allocate(size, usage, label);
    this.write(buffer, 0, data);
    return buffer;
  }

  /**
   * Writes bytes into a buffer, after all that was submitted before.
   * @param data copied before this returns; bytes after the last whole word go with zeros
   */
  write(buffer: GPUBuffer, offset: number, data: ArrayBufferView): void {
    const { queue } = this.device;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const whole = bytes.length & ~3;
    // Dawn takes no memory that threads share.
    const own =
      bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : Uint8Array.from(bytes);
    queue.writeBuffer(buffer, offset, own, 0, whole);
    if (whole === bytes.length) return;
    const rest = new Uint8Array(4);
    rest.set(own.subarray(whole));
    queue.writeBuffer(buffer, offset + whole, rest);
  }

  /** Begins a pass of kernels, timed where a timer is attached. */
  beginPass(encoder: GPUCommandEncoder, label: string): GPUComputePassEncoder {
    const timestampWrites = this.timer?.stamp(label);
    return encoder.beginComputePass(timestampWrites === undefined ? { label } : { label, timestampWrites });
  }

  /**
   * Submits commands and copies words of some buffers (usage COPY_SRC) to the CPU once they are done.
   * @returns one array for each part
   */
  async submitAndRead(
    encoder: GPUCommandEncoder,
    parts: readonly { readonly buffer: GPUBuffer; readonly words: number; readonly offset?: number }[],
  ): Promise<Uint32Array[]> {
    const size = 4 * parts.reduce((total, { words }) => total + words, 0);
    const staging = this.#staging(size);
    let at = 0;
    for (const { buffer, words, offset = 0 } of parts) {
      encoder.copyBufferToBuffer(buffer, offset, staging, at, 4 * words);
      at += 4 * words;
    }
    this.device.queue.submit([encoder.finish()]);
    const content = (await this.#map(staging, size)).slice(0);
    staging.unmap();
    this.#free.push(staging);
    at = 0;
    return parts.map(({ words }) => {
      const part = new Uint32Array(content, at, words);
      at += 4 * words;
      return part;
    });
  }

  /** Copies words of a buffer (usage COPY_SRC) to the CPU, after all that was submitted before. */
  async read(buffer: GPUBuffer, words: number, offset = 0): Promise<Uint32Array> {
    const [part] = await this.submitAndRead(this.device.createCommandEncoder(), [{ buffer, words, offset }]);
    return part;
  }

  /** A buffer to map, one used before where it is large enough and not four times too large. */
  #staging(size: number): GPUBuffer {
    const index = this.#free.findIndex((buffer) => buffer.size >= size && buffer.size <= 4 * size + 1024);
    if (index >= 0) return this.#free.splice(index, 1)[0];
    while (this.#free.length > 16) this.#free.shift()?.destroy();
    return this.device.createBuffer({
      size: Math.max(256, size),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      label: 'staging',
    });
  }

  async #map(staging: GPUBuffer, size: number): Promise<ArrayBuffer> {
    try {
      await staging.mapAsync(GPUMapMode.READ, 0, size);
    } catch (error) {
      // The reason is told by the promise `lost`, which may settle a turn later.
      await new Promise((resolve) => setImmediate(resolve));
      this.check();
      throw new GpuError('lost', `The GPU gave no answer (${firstLine((error as Error).message)}).`);
    }
    this.check();
    return staging.getMappedRange(0, size);
  }
}

let opened: Promise<Gpu> | undefined;
let current: Gpu | undefined;

/**
 * Opens the GPU, once a process; every caller gets the same device. Real GPUs come before software ones, discrete
 * ones before integrated ones.
 *
 * The device is asked for all that the adapter offers, because tfjs-backend-webgpu takes it as it is. WebGPU's
 * constants (`GPUBufferUsage` …) become global, where both tfjs and our own code expect them.
 *
 * @throws GpuError of kind `missing` where there is no driver or adapter
 */
export function openGpu(): Promise<Gpu> {
  opened ??= open().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

/**
 * What `openGpu` would open; opens nothing.
 * @throws GpuError of kind `missing` where there is no driver or adapter
 */
export async function findGpu(): Promise<AdapterReport> {
  return current?.report ?? reportOf(await findAdapter());
}

/** Closes the device, if one is open; the process can end, and the next `openGpu` opens another. */
export async function closeGpu(): Promise<void> {
  const gpu = await opened?.catch(() => undefined);
  opened = current = undefined;
  gpu?.device.destroy();
}

async function open(): Promise<Gpu> {
  const adapter = await findAdapter();
  const report = reportOf(adapter);
  if (report.limits.maxStorageBuffersPerShaderStage < STORAGE_BUFFERS)
    throw new GpuError(
      'missing',
      `${report.name} binds ${report.limits.maxStorageBuffersPerShaderStage} storage buffers, expected ${STORAGE_BUFFERS} at least.`,
    );
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredFeatures: WANTED_FEATURES.filter((name) => adapter.features.has(name)),
      requiredLimits: report.limits,
    });
  } catch (error) {
    throw new GpuError('missing', `${report.name} gave no device (${firstLine((error as Error).message)}).`);
  }
  const gpu = new Gpu(adapter, device, report);
  // Whoever asks after it was lost gets another, if there is one.
  void device.lost.then(() => {
    if (current === gpu) opened = current = undefined;
  });
  current = gpu;
  return gpu;
}

/** Dawn's instance, which adapters and devices need as long as they are used. */
let instance: GPU | undefined;

async function findAdapter(): Promise<GPUAdapter> {
  if (instance === undefined) {
    let dawn: typeof import('webgpu');
    try {
      dawn = await import('webgpu');
    } catch (error) {
      throw new GpuError(
        'missing',
        `The package webgpu (Dawn for Node) does not load here: ${firstLine((error as Error).message)}.`,
      );
    }
    Object.assign(globalThis, dawn.globals);
    // Timestamps are rounded for browsers' sake, to 0.1 ms.
    instance = dawn.create(['disable-dawn-features=timestamp_quantization']);
  }
  let software: GPUAdapter | undefined;
  for (const powerPreference of ['high-performance', 'low-power'] as const) {
    const adapter = await instance.requestAdapter({ powerPreference });
    if (adapter === null) continue;
    if (!reportOf(adapter).software) return adapter;
    software ??= adapter;
  }
  if (software === undefined)
    throw new GpuError(
      'missing',
      'No GPU was found: expected a Vulkan, Metal or Direct3D 12 driver (for tests, Mesa 25 or later has a software one).',
    );
  return software;
}

function reportOf({ info, features, limits }: GPUAdapter): AdapterReport {
  const numbers: Record<string, number> = {};
  // Limits are getters of the prototype, which Object.keys does not list.
  for (const name in limits) {
    const value: unknown = limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') numbers[name] = value;
  }
  return {
    name: info.device || info.description || 'unnamed GPU',
    vendor: info.vendor,
    architecture: info.architecture,
    driver: info.description,
    software: info.isFallbackAdapter || /llvmpipe|swiftshader|basic render/i.test(info.device),
    features: [...features].sort(),
    limits: numbers,
  };
}

function isOutOfMemory(error: GPUError): boolean {
  return error instanceof GPUOutOfMemoryError;
}

function outOfMemory({ name }: AdapterReport, size?: number): GpuError {
  const what = size === undefined ? 'what was asked for' : `${(size / 2 ** 20).toFixed(0)} MiB more`;
  return new GpuError('memory', `${name} has no room for ${what}.`);
}

function unexpected({ name }: AdapterReport, error: GPUError): GpuError {
  return new GpuError('lost', `${name} refused a command: ${firstLine(error.message)}`);
}

function firstLine(message: string): string {
  return message.split('\n')[0].trim();
}
