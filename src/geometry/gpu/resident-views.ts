import type { Size } from '../../frame.js';
import type { Gpu } from '../../gpu/device.js';
import { GpuError } from '../../gpu/errors.js';
import type { View } from '../pairwise.js';
import { type Camera, cameraOf } from './reprojection.js';

/** What a scene's views may take of the GPU's memory, bytes: of 320×240 and 13 classes some 3 700. */
const MAX_BYTES = 2 ** 33;

export interface ResidentViewsOptions {
  /** For tests: bytes of a page at most, if less than the adapter's bindings bear. */
  readonly pageBytes?: number;
  /** For tests: bytes of all pages at most. */
  readonly maxBytes?: number;
}

/** Views of one size in one buffer. */
export interface Page {
  /** View by view, `viewWords` each: depths (f32), then class probabilities as halves, two in a word. */
  readonly buffer: GPUBuffer;
  /** Number of its first view in the scene. */
  readonly first: number;
  /** Views that it has room for. */
  readonly views: number;
}

/**
 * Depths and probability maps of a scene's views in the GPU's memory, 4 + 2 C bytes a pixel, in as many buffers as the
 * adapter's bindings ask for. Maps are halves on the CPU already, so that keeping them as halves loses nothing.
 */
export class ResidentViews {
  readonly #gpu: Gpu;
  readonly cameras: Camera[] = [];

  private constructor(
    gpu: Gpu,
    readonly size: Size,
    readonly classes: number,
    readonly pages: readonly Page[],
    readonly viewWords: number,
  ) {
    this.#gpu = gpu;
  }

  /**
   * Makes room for so many views.
   * @throws GpuError of kind `memory` where they do not fit
   */
  static async allocate(
    gpu: Gpu,
    size: Size,
    classes: number,
    count: number,
    options: ResidentViewsOptions = {},
  ): Promise<ResidentViews> {
    const pixels = size.width * size.height;
    const viewWords = pixels + Math.ceil((pixels * classes) / 2);
    const bytes = 4 * viewWords * count;
    const { maxStorageBufferBindingSize, maxBufferSize } = gpu.device.limits;
    const pageBytes = Math.min(maxStorageBufferBindingSize, maxBufferSize, options.pageBytes ?? MAX_BYTES);
    const inPage = Math.floor(pageBytes / (4 * viewWords));
    if (inPage < 1 || bytes > (options.maxBytes ?? MAX_BYTES))
      throw new GpuError('memory', `${count} views take ${Math.ceil(bytes / 2 ** 20)} MiB.`);
    const pages: Page[] = [];
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    try {
      for (let first = 0; first < count; first += inPage) {
        const views = Math.min(inPage, count - first);
        const buffer = await gpu.allocate(4 * viewWords * views, STORAGE | COPY_SRC | COPY_DST, 'views');
        pages.push({ buffer, first, views });
      }
    } catch (error) {
      for (const { buffer } of pages) buffer.destroy();
      throw error;
    }
    return new ResidentViews(gpu, size, classes, pages, viewWords);
  }

  /**
   * Uploads a view, whose number is how many there were before.
   * @returns when the GPU has it, so that no more than one waits in memory for its turn
   * @throws RangeError where it is of another size, or there is no room left; GpuError where the GPU fails
   */
  async add({ frame, probabilities }: View): Promise<void> {
    const { width, height } = this.size;
    if (
      [frame, probabilities].some((one) => one.width !== width || one.height !== height) ||
      probabilities.classes !== this.classes
    )
      throw new RangeError(`expected a view of ${width}×${height} with ${this.classes} classes`);
    const page = this.pageOf(this.cameras.length);
    const at = 4 * this.viewWords * (this.cameras.length - page.first);
    this.cameras.push(cameraOf(frame));
    this.#gpu.write(page.buffer, at, frame.depth);
    this.#gpu.write(page.buffer, at + 4 * width * height, probabilities.data);
    await this.#gpu.read(page.buffer, 1, at);
  }

  pageOf(view: number): Page {
    const page = this.pages.find(({ first, views }) => view >= first && view < first + views);
    if (page === undefined) throw new RangeError(`there is no room for a view of number ${view}`);
    return page;
  }

  destroy(): void {
    for (const { buffer } of this.pages) buffer.destroy();
  }
}
