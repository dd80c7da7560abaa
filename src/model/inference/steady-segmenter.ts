import type { Frame } from '../../frame.js';
import { GpuError } from '../../gpu/errors.js';
import type { GpuProbabilityMap, ProbabilityMap } from '../probability-map.js';
import type { Segmenter } from './segmenter.js';

/**
 * A segmenter on the GPU and, from the GPU's first failure on, the one in its place. A frame on which it fails is asked of
 * the other one, so that none is lost. Maps of the two agree but for rounding; they go by one key, that of the
 * first, because a scene's tables are keyed before its frames are seen.
 */
export class SteadySegmenter implements Segmenter {
  #current: Segmenter;
  /** Begun when the first fails, by whichever frame is told first. */
  #replaced: Promise<Segmenter> | undefined;
  #failure: GpuError | undefined;

  /**
   * @param first on the GPU, its failures are GpuErrors
   * @param second starts the one in its place, once; hears why
   */
  constructor(
    private readonly first: Segmenter,
    private readonly second: (failure: GpuError) => Promise<Segmenter>,
  ) {
    this.#current = first;
  }

  get classes(): number {
    return this.first.classes;
  }

  get key(): string {
    return this.first.key;
  }

  get concurrency(): number {
    return this.#current.concurrency;
  }

  predict(frame: Frame): Promise<ProbabilityMap> {
    return this.#ask(frame, (segmenter, asked) => segmenter.predict(asked));
  }

  /**
   * Of the first alone. When it fails, what else is on the GPU is gone as a rule: whoever wanted a map there begins anew,
   * and asks for one here by `predict`.
   */
  async predictOnGpu(frame: Frame): Promise<GpuProbabilityMap> {
    if (this.#failure !== undefined) throw this.#failure;
    return this.first.predictOnGpu!(frame);
  }

  describe(frame: Frame): Promise<Float32Array> {
    return this.#ask(frame, (segmenter, asked) => segmenter.describe(asked));
  }

  async close(): Promise<void> {
    await this.first.close();
    await (await this.#replaced?.catch(() => undefined))?.close();
  }

  async #ask<T>(frame: Frame, ask: (segmenter: Segmenter, frame: Frame) => Promise<T>): Promise<T> {
    if (this.#current !== this.first) return ask(this.#current, frame);
    // The caller's colours may be gone when it turns out that they are needed again.
    const kept = { ...frame, colour: new Uint8Array(frame.colour) };
    try {
      return await ask(this.first, frame);
    } catch (error) {
      if (!(error instanceof GpuError)) throw error;
      this.#replaced ??= this.#replace(error);
      return ask(await this.#replaced, kept);
    }
  }

  async #replace(error: GpuError): Promise<Segmenter> {
    this.#failure = error;
    this.#current = await this.second(error);
    return this.#current;
  }
}
