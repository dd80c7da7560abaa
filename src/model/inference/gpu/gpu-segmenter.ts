import type { Frame } from '../../../frame.js';
import type { Gpu } from '../../../gpu/device.js';
import type { Network } from '../../network.js';
import type { GpuProbabilityMap, ProbabilityMap } from '../../probability-map.js';
import type { McDropoutFrame, McDropoutOptions } from '../mc-dropout.js';
import type { Segmenter } from '../segmenter.js';
import { GpuMcDropout } from './gpu-mc-dropout.js';

/** Frames whose work is submitted and not done: enough that the GPU never waits for the CPU between two of them. */
const IN_FLIGHT = 3;

/**
 * MC dropout on the GPU. A device belongs to one thread, that which opened it, so there are no workers: frames in flight
 * overlap on the GPU's queue.
 */
export class GpuSegmenter implements Segmenter {
  readonly classes: number;
  readonly concurrency = IN_FLIGHT;
  #places = IN_FLIGHT;
  readonly #waiting: { readonly enter: () => void; readonly reject: (error: Error) => void }[] = [];
  /** Maps given back. */
  readonly #free: GPUBuffer[] = [];
  #isClosed = false;

  private constructor(
    private readonly gpu: Gpu,
    private readonly mcDropout: GpuMcDropout,
    network: Network,
    readonly key: string,
  ) {
    this.classes = network.config.classes;
  }

  /**
   * @param key as `segmenterKey` gives it
   * @throws GpuError where the GPU cannot be used
   */
  static async create(
    gpu: Gpu,
    network: Network,
    options: McDropoutOptions,
    key: string,
  ): Promise<GpuSegmenter> {
    return new GpuSegmenter(gpu, await GpuMcDropout.create(gpu, network, options), network, key);
  }

  /** @throws GpuError where the GPU was lost or its memory does not do */
  async predict(frame: Frame): Promise<ProbabilityMap> {
    const map = await this.predictOnGpu(frame);
    try {
      return await map.read();
    } finally {
      map.release();
    }
  }

  /**
   * As `predict`, but the map stays on the GPU, in single precision; resolves when its making is submitted.
   * @throws GpuError where the GPU was lost or its memory does not do
   */
  async predictOnGpu(frame: Frame): Promise<GpuProbabilityMap> {
    const { classes } = this;
    const { width, height } = frame;
    const buffer = await this.#submit(frame);
    const release = () => {
      this.#giveBack(buffer);
      // Else frames could be submitted without end while the GPU is at the first.
      void this.#submittedWorkDone().then(() => this.#leave());
    };
    const read = async () => ({ width, height, classes, data: await this.mcDropout.kernels.read(buffer) });
    return { width, height, classes, buffer, read, release };
  }

  async describe(frame: Frame): Promise<Float32Array> {
    const { width, height } = frame;
    const image = { width, height, colour: new Uint8Array(frame.colour) };
    await this.#enter();
    try {
      return await this.#attempt(() => this.mcDropout.describe(image));
    } finally {
      this.#leave();
    }
  }

  /** Rejects what waits; the GPU stays open. Maps that are out may be read on and are to be released. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(closed());
    await this.#submittedWorkDone();
    for (const buffer of this.#free.splice(0)) buffer.destroy();
    this.mcDropout.dispose();
  }

  /** Waits for one of the places in flight. */
  async #enter(): Promise<void> {
    if (this.#isClosed) throw closed();
    this.gpu.check();
    if (this.#places > 0) this.#places--;
    else await new Promise<void>((enter, reject) => this.#waiting.push({ enter, reject }));
  }

  /** Frees a place, or hands it on. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next.enter();
    else this.#places++;
  }

  /** Takes a place and submits a frame's work. The caller gives the buffer back and leaves. */
  async #submit(frame: Frame): Promise<GPUBuffer> {
    const { scene, id, width, height } = frame;
    const own: McDropoutFrame = { scene, id, width, height, colour: new Uint8Array(frame.colour) };
    await this.#enter();
    let buffer: GPUBuffer | undefined;
    try {
      const map = await this.#take(own);
      buffer = map;
      await this.#attempt(() => this.mcDropout.submit(own, map));
      return map;
    } catch (error) {
      if (buffer !== undefined) this.#giveBack(buffer);
      this.#leave();
      throw error;
    }
  }

  #giveBack(map: GPUBuffer): void {
    if (this.#isClosed) map.destroy();
    else this.#free.push(map);
  }

  /** Of a lost device too. */
  async #submittedWorkDone(): Promise<void> {
    await this.gpu.device.queue.onSubmittedWorkDone().catch(() => {});
  }

  /** Room for a map of a frame's size: one given back, or a new one; those of other sizes make way. */
  async #take(frame: McDropoutFrame): Promise<GPUBuffer> {
    const size = 4 * frame.width * frame.height * this.classes;
    let buffer = this.#free.pop();
    while (buffer !== undefined && buffer.size !== size) {
      buffer.destroy();
      buffer = this.#free.pop();
    }
    return buffer ?? this.mcDropout.kernels.allocate(frame);
  }

  async #attempt<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#isClosed) throw closed();
    return this.gpu.attempt(work);
  }
}

function closed(): Error {
  return new Error('the segmenter is closed');
}
