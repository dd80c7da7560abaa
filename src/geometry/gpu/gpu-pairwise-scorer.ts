import type { Size } from '../../frame.js';
import type { Gpu } from '../../gpu/device.js';
import { GpuError } from '../../gpu/errors.js';
import { GROUP, HALF_WGSL, KernelModule, WIDE_WGSL } from '../../gpu/kernels.js';
import { halfValues, UNIT_HALVES } from '../../model/probability-map.js';
import { MIN_P } from '../../store/fixed-point.js';
import { wgsl as storeWgsl } from '../../store/gpu/point-table.js';
import { SCORE_WORDS, scoresOf } from '../../store/gpu/superpixel-sums.js';
import type { SuperpixelScores } from '../../store/point-store.js';
import type { Superpixels } from '../../superpixels/superpixels.js';
import type { PixelScores, View } from '../pairwise.js';
import { PAIR_WORDS, writePair } from './reprojection.js';
import { type Page, ResidentViews, type ResidentViewsOptions } from './resident-views.js';

/** Pixels that are reprojected at once, of whole views: 54 of 320×240. Each takes 8 bytes. */
const BATCH_PIXELS = 2 ** 22;
/** Words of `Batch` (views.wgsl). */
const BATCH_WORDS = 8;
/** Units of a logarithm in a nat (`LOG_SCALE` in views.wgsl). */
const LOG_SCALE = 2 ** 24;
/** Ids that superpixels may have. */
const MAX_SUPERPIXELS = 2 ** 16;
/** Words of a pixel in `pixel_scores` (score.wgsl). */
const PIXEL_WORDS = 4;
/** No view of the batch (views.wgsl). */
const NONE = 0xffffffff;

export interface PairwiseScorerOptions extends ResidentViewsOptions {
  /** For tests: views that are reprojected at once, at most. */
  readonly batchViews?: number;
}

async function compile(gpu: Gpu, classes: number) {
  const load = <Entry extends string>(entry: Entry, ...more: URL[]) => {
    const own = ['views', entry].map((name) => new URL(`./${name}.wgsl`, import.meta.url));
    return KernelModule.load(gpu, [HALF_WGSL, WIDE_WGSL, ...more, ...own], [entry], { CLASSES: classes });
  };
  const [reproject, gather, score, average] = await Promise.all([
    load('reproject'),
    load('gather'),
    load('score'),
    load('average', storeWgsl('superpixel-sums')),
  ]);
  return { reproject, gather, score, average };
}

/** Working memory, by its names in the WGSL. */
type Buffers = Readonly<
  Record<
    | 'batch'
    | 'pairs'
    | 'heads'
    | 'links'
    | 'neg_logs'
    | 'sums'
    | 'counts'
    | 'pixel_scores'
    | 'superpixels'
    | 'scores',
    GPUBuffer
  >
>;

/**
 * `scorePairwise` and `averageBySuperpixel` on the GPU: all views of a scene are uploaded once, and each is then scored
 * against all others without a wait on the way. Calls need not wait for each other.
 *
 * Pixels are reprojected in integers, to 1e-10 of a pixel, and sums are 64-bit integers: Σ P exactly, Σ −log P in
 * units of 2⁻²⁴ nats. They bear 2³² observations of a pixel, which is more than one from every pixel of a scene that
 * there is room for. Observations are those of the CPU but for pixels that fall that close to the border between two, or
 * to the tolerance of depth; scores, in f32 from exact differences, agree to 1e-5. Depths of 2¹⁶ m and more are not
 * reprojected.
 *
 * Memory: 4 + 2 C bytes a view and pixel, 8 GiB at most; beside it (16 C + 26) bytes a pixel and 34 MiB.
 */
export class GpuPairwiseScorer {
  readonly #gpu: Gpu;
  readonly #views: ResidentViews;
  readonly #kernels: Awaited<ReturnType<typeof compile>>;
  readonly #buffers: Buffers;
  /** Views that `heads` and `links` bear. */
  readonly #batch: number;

  private constructor(
    gpu: Gpu,
    views: ResidentViews,
    kernels: Awaited<ReturnType<typeof compile>>,
    buffers: Buffers,
    batch: number,
  ) {
    this.#gpu = gpu;
    this.#views = views;
    this.#kernels = kernels;
    this.#buffers = buffers;
    this.#batch = batch;
  }

  /**
   * Makes room for a scene.
   * @param size of all its views
   * @param count of views
   * @throws GpuError of kind `memory`, before anything is uploaded, where it does not fit
   */
  static async create(
    gpu: Gpu,
    size: Size,
    classes: number,
    count: number,
    options: PairwiseScorerOptions = {},
  ): Promise<GpuPairwiseScorer> {
    const kernels = await compile(gpu, classes);
    const pixels = size.width * size.height;
    const atOnce = options.batchViews ?? Math.floor(BATCH_PIXELS / pixels);
    const batch = Math.max(1, Math.min(atOnce, count));
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const made: { destroy(): void }[] = [];
    const storage = async (words: number, label: string, usage = STORAGE) => {
      const buffer = await gpu.allocate(4 * Math.ceil(words), usage | COPY_SRC | COPY_DST, label);
      made.push(buffer);
      return buffer;
    };
    try {
      const views = await ResidentViews.allocate(gpu, size, classes, count, options);
      made.push(views);
      const buffers: Buffers = {
        batch: await storage(BATCH_WORDS, 'batch', UNIFORM),
        pairs: await storage(PAIR_WORDS * Math.max(1, count), 'pairs'),
        heads: await storage(batch * pixels, 'heads'),
        links: await storage(batch * pixels, 'links'),
        neg_logs: await storage(UNIT_HALVES, 'logarithms'),
        sums: await storage(4 * pixels * classes, 'sums'),
        counts: await storage(2 * pixels, 'counts'),
        pixel_scores: await storage(PIXEL_WORDS * pixels, 'pixel scores'),
        superpixels: await storage(pixels / 2, 'superpixels'),
        scores: await storage(SCORE_WORDS * MAX_SUPERPIXELS, 'scores'),
      };
      gpu.write(buffers.neg_logs, 0, negLogs());
      return new GpuPairwiseScorer(gpu, views, kernels, buffers, batch);
    } catch (error) {
      for (const one of made) one.destroy();
      if (!(error instanceof GpuError) || error.kind !== 'memory') throw error;
      throw new GpuError(
        'memory',
        `${gpu.report.name} has no room for the scene's ${count} views of ${size.width}×${size.height} with ${classes} classes: score from the point store (--views store), or on the CPU (--backend wasm).`,
      );
    }
  }

  /**
   * Uploads the next view.
   * @throws RangeError where it is of another size than the others, or there is no room left
   */
  add(view: View): Promise<void> {
    return this.#views.add(view);
  }

  /** Scores of a view's superpixels against all other views added so far. @param view number in order of adding */
  async score(view: number, superpixels: Superpixels): Promise<SuperpixelScores> {
    const gpu = this.#gpu;
    const { superpixels: ids, scores } = this.#buffers;
    const words = SCORE_WORDS * superpixels.count;
    gpu.write(ids, 0, superpixels.ids);
    const encoder = this.#scorePixels(view);
    encoder.clearBuffer(scores, 0, 4 * words);
    this.#dispatch(encoder, 'average', this.#bindings(view), this.#perPixel(1));
    const [sums] = await gpu.submitAndRead(encoder, [{ buffer: scores, words }]);
    const pixels = new Uint32Array(superpixels.count);
    for (const id of superpixels.ids) pixels[id]++;
    return scoresOf(sums, pixels);
  }

  /** Scores of a view's pixels against all other views added so far. @param view number in order of adding */
  async scorePixels(view: number): Promise<PixelScores> {
    const { width, height } = this.#views.size;
    const size = width * height;
    const words = PIXEL_WORDS * size;
    const [found] = await this.#gpu.submitAndRead(this.#scorePixels(view), [
      { buffer: this.#buffers.pixel_scores, words },
    ]);
    const floats = new Float32Array(found.buffer, found.byteOffset, words);
    const scores: PixelScores = {
      observations: new Uint32Array(size),
      views: new Uint16Array(size),
      viewEntropy: new Float64Array(size).fill(Number.NaN),
      viewDivergence: new Float64Array(size).fill(Number.NaN),
    };
    for (let i = 0, at = 0; i < size; i++, at += PIXEL_WORDS) {
      if (found[at] === 0) continue;
      scores.observations[i] = found[at];
      scores.views[i] = found[at + 1];
      scores.viewEntropy[i] = floats[at + 2];
      scores.viewDivergence[i] = floats[at + 3];
    }
    return scores;
  }

  /** Gives the GPU's memory back; no call may be under way or follow. */
  destroy(): void {
    this.#views.destroy();
    for (const buffer of Object.values(this.#buffers)) buffer.destroy();
  }

  /** Submits all but the last step of a view's pixel scores, which the encoder has that is returned. */
  #scorePixels(view: number): GPUCommandEncoder {
    const gpu = this.#gpu;
    const { device } = gpu;
    const { pairs, heads, sums, counts } = this.#buffers;
    const { cameras, pages } = this.#views;
    const words = new Uint32Array(PAIR_WORDS * cameras.length);
    for (const [i, camera] of cameras.entries()) writePair(words, PAIR_WORDS * i, cameras[view], camera);
    gpu.write(pairs, 0, words);

    let encoder = device.createCommandEncoder();
    encoder.clearBuffer(sums);
    encoder.clearBuffer(counts);
    for (const page of pages) {
      const end = Math.min(page.first + page.views, cameras.length);
      for (let first = page.first; first < end; first += this.#batch) {
        const count = Math.min(this.#batch, end - first);
        gpu.write(this.#buffers.batch, 0, this.#batchWords(view, page, first, count));
        const bindings = { ...this.#bindings(view), page: page.buffer };
        encoder.clearBuffer(heads);
        this.#dispatch(encoder, 'reproject', bindings, this.#perPixel(1) * count);
        this.#dispatch(encoder, 'gather', bindings, this.#perPixel(this.#views.classes));
        // Alone, so that what `batch` says holds for it, and no submission takes long.
        device.queue.submit([encoder.finish()]);
        encoder = device.createCommandEncoder();
      }
    }
    this.#dispatch(encoder, 'score', this.#bindings(view), this.#perPixel(1));
    return encoder;
  }

  #dispatch(
    encoder: GPUCommandEncoder,
    entry: keyof Awaited<ReturnType<typeof compile>>,
    bindings: Record<string, GPUBuffer>,
    workgroups: number,
  ): void {
    const pass = this.#gpu.beginPass(encoder, entry);
    const kernel: KernelModule<string> = this.#kernels[entry];
    kernel.dispatch(pass, entry, kernel.bind(bindings), workgroups);
    pass.end();
  }

  #bindings(view: number): Record<string, GPUBuffer> {
    return { ...this.#buffers, own_page: this.#views.pageOf(view).buffer };
  }

  /** Workgroups for so many threads a pixel. */
  #perPixel(threads: number): number {
    const { width, height } = this.#views.size;
    return Math.ceil((width * height * threads) / GROUP);
  }

  /** `Batch` of views.wgsl. */
  #batchWords(view: number, page: Page, first: number, count: number): Uint32Array {
    const { size, viewWords } = this.#views;
    const ownAt = viewWords * (view - this.#views.pageOf(view).first);
    const own = view >= first && view < first + count ? view - first : NONE;
    return Uint32Array.of(size.width, size.height, viewWords, first - page.first, count, first, ownAt, own);
  }
}

/** −log P of every half in [0, 1], in units. */
function negLogs(): Uint32Array {
  return Uint32Array.from(halfValues(), (p) => Math.round(-Math.log(Math.max(p, MIN_P)) * LOG_SCALE));
}
