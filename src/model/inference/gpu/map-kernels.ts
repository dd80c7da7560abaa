import type { Size } from '../../../frame.js';
import type { Gpu } from '../../../gpu/device.js';
import { GROUP, HALF_WGSL, KernelModule } from '../../../gpu/kernels.js';

/** Words of `Draws` (draws.wgsl). */
const DRAWS_WORDS = 5;

/** Our own kernels of MC dropout: what comes after the logits. */
export class MapKernels {
  readonly #gpu: Gpu;
  readonly #draws: KernelModule<'add_draws'>;
  readonly #pack: KernelModule<'pack'>;
  readonly #uniform: GPUBuffer;
  /** One serves all frames in flight: it is copied before the next one's commands write to it. */
  #halves: GPUBuffer | undefined;

  private constructor(
    gpu: Gpu,
    readonly classes: number,
    draws: KernelModule<'add_draws'>,
    pack: KernelModule<'pack'>,
    uniform: GPUBuffer,
  ) {
    this.#gpu = gpu;
    this.#draws = draws;
    this.#pack = pack;
    this.#uniform = uniform;
  }

  static async create(gpu: Gpu, classes: number): Promise<MapKernels> {
    const wgsl = (name: string) => new URL(`./${name}.wgsl`, import.meta.url);
    const { UNIFORM, COPY_DST } = GPUBufferUsage;
    return new MapKernels(
      gpu,
      classes,
      await KernelModule.load(gpu, [wgsl('draws')], ['add_draws'], { CLASSES: classes }),
      await KernelModule.load(gpu, [HALF_WGSL, wgsl('pack')], ['pack'], {}),
      await gpu.allocate(4 * DRAWS_WORDS, UNIFORM | COPY_DST, 'draws'),
    );
  }

  /** A new map, H×W×C of f32, the caller's to destroy. */
  allocate({ width, height }: Size): Promise<GPUBuffer> {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    return this.#gpu.allocate(
      4 * width * height * this.classes,
      STORAGE | COPY_SRC | COPY_DST,
      'probability map',
    );
  }

  /**
   * Submits the addition of some draws' probabilities to a map.
   *
   * @param logits of `count` draws [count, ⌈H/4⌉, ⌈W/4⌉, C]
   * @param draws of the whole mean
   * @param isFirst whether whatever the map holds is forgotten
   */
  addDraws(
    map: GPUBuffer,
    { width, height }: Size,
    logits: GPUBuffer,
    count: number,
    draws: number,
    isFirst: boolean,
  ): void {
    const gpu = this.#gpu;
    const words = Uint32Array.of(width, height, count, isFirst ? 1 : 0, 0);
    new Float32Array(words.buffer)[4] = 1 / draws;
    gpu.write(this.#uniform, 0, words);
    const encoder = gpu.device.createCommandEncoder();
    const pass = gpu.beginPass(encoder, 'draws');
    const group = this.#draws.bind({ draws: this.#uniform, logits, map });
    this.#draws.dispatch(pass, 'add_draws', group, Math.ceil((width * height) / GROUP));
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
  }

  /** A map's values as halves, rounded as `toHalves` does. */
  async read(map: GPUBuffer): Promise<Uint16Array> {
    const gpu = this.#gpu;
    const values = map.size / 4;
    const words = Math.ceil(values / 2);
    if (this.#halves?.size !== 4 * words) {
      this.#halves?.destroy();
      const { STORAGE, COPY_SRC } = GPUBufferUsage;
      this.#halves = gpu.device.createBuffer({
        size: 4 * words,
        usage: STORAGE | COPY_SRC,
        label: 'halves',
      });
    }
    const halves = this.#halves;
    const encoder = gpu.device.createCommandEncoder();
    const pass = gpu.beginPass(encoder, 'pack');
    this.#pack.dispatch(pass, 'pack', this.#pack.bind({ map, halves }), Math.ceil(words / GROUP));
    pass.end();
    const [packed] = await gpu.submitAndRead(encoder, [{ buffer: halves, words }]);
    return new Uint16Array(packed.buffer, packed.byteOffset, values);
  }

  destroy(): void {
    this.#uniform.destroy();
    this.#halves?.destroy();
  }
}
