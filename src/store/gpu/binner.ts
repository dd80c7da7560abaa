import { BadFrameError } from '../../errors.js';
import { type Frame, frameName, type Size } from '../../frame.js';
import type { Gpu } from '../../gpu/device.js';
import { GROUP, HALF_WGSL, KernelModule, WIDE_WGSL } from '../../gpu/kernels.js';
import { words64 } from '../../gpu/wide.js';
import { type ProbabilityMap, UNIT_HALVES } from '../../model/probability-map.js';
import type { Superpixels } from '../../superpixels/superpixels.js';
import { fixedPointTerms, MAX_PIXELS } from '../fixed-point.js';
import { DISPATCH_BYTES, ROW_WORDS, VOXEL_WORDS, workgroups } from './batch.js';
import { destroyIncidences, type GpuIncidences } from './gpu-incidences.js';
import { wgsl } from './point-table.js';

/** Binary digits of a slope in voxels a metre after the point, and of the camera's place in voxels (project.wgsl). */
const SLOPE_BITS = 44;
const CAMERA_BITS = 32;
/** Words of `Frame` (project.wgsl). */
const FRAME_WORDS = 8;
/** Pixels that one thread of `sum` takes (sum.wgsl). */
const RUN = 8;

/** What binning reads of a frame. */
export type PosedDepth = Pick<
  Frame,
  'scene' | 'id' | 'width' | 'height' | 'depth' | 'intrinsics' | 'cameraToWorld'
>;

/** Inputs and working memory of one frame, by their names in the WGSL. */
type Buffers = Readonly<
  Record<
    | 'frame'
    | 'depth'
    | 'superpixels'
    | 'slopes'
    | 'pixels'
    | 'links'
    | 'voxel_slots'
    | 'row_slots'
    | 'terms'
    | 'halves',
    GPUBuffer
  >
>;

async function compile(gpu: Gpu, classes: number) {
  const load = <Entry extends string>(
    entries: readonly Entry[],
    files: readonly string[],
    constants: Record<string, number> = {},
  ) =>
    KernelModule.load(gpu, [HALF_WGSL, WIDE_WGSL, ...['layout', ...files].map(wgsl)], entries, {
      CLASSES: classes,
      MAX_PIXELS,
      HALVES: 0,
      ...constants,
    });
  const [project, group, arrange, sum, sumHalves, reduce] = await Promise.all([
    load(['project'], ['project']),
    load(['claim', 'number'], ['group']),
    load(['arrange'], ['batch', 'arrange']),
    load(['clear_rows', 'clear_voxels', 'sum'], ['sum']),
    load(['clear_rows', 'clear_voxels', 'sum'], ['sum'], { HALVES: 1 }),
    load(['reduce'], ['batch', 'rows', 'reduce']),
  ]);
  return { project, group, arrange, sum, sumHalves, reduce };
}

/**
 * Bins frames of one size on the GPU: `footprintOf` and `sumIncidences` in one, without a wait.
 *
 * Voxels are computed in integers, and are the same on every GPU. They are those of the CPU, which divides in double
 * precision, but for pixels within 1e-9 voxels of a border between two and rays within 1e-9 of an angle that decides their
 * neighbour: by estimate one or two in some thousand frames.
 */
export class GpuBinner {
  readonly #kernels: Awaited<ReturnType<typeof compile>>;
  readonly #buffers: Buffers;
  /** Results given back, and those not given back yet. */
  readonly #free: GpuIncidences[] = [];
  readonly #out = new Set<GpuIncidences>();

  private constructor(
    readonly gpu: Gpu,
    readonly size: Size,
    readonly classes: number,
    kernels: Awaited<ReturnType<typeof compile>>,
    buffers: Buffers,
  ) {
    this.#kernels = kernels;
    this.#buffers = buffers;
  }

  /** @throws GpuError of kind `memory` where frames of this size do not fit */
  static async create(gpu: Gpu, { width, height }: Size, classes: number): Promise<GpuBinner> {
    const pixels = width * height;
    const slots = 2 ** Math.ceil(Math.log2(Math.max(2, 2 * pixels)));
    const { p, negLog, entropy } = fixedPointTerms();
    const terms = new Uint32Array(2 * UNIT_HALVES);
    for (let bits = 0; bits < UNIT_HALVES; bits++) {
      terms[2 * bits] = p[bits] | (negLog[bits] << 16);
      terms[2 * bits + 1] = entropy[bits];
    }
    const { STORAGE, UNIFORM, COPY_DST } = GPUBufferUsage;
    const storage = (bytes: number, label: string) =>
      gpu.allocate(Math.ceil(bytes / 4) * 4, STORAGE | COPY_DST, label);
    return new GpuBinner(gpu, { width, height }, classes, await compile(gpu, classes), {
      frame: await gpu.allocate(4 * FRAME_WORDS, UNIFORM | COPY_DST, 'frame'),
      depth: await storage(4 * pixels, 'depth'),
      superpixels: await storage(2 * pixels, 'superpixels'),
      slopes: await storage(24 * (width + height), 'slopes'),
      pixels: await storage(16 * pixels, 'pixels'),
      links: await storage(16 * pixels, 'links'),
      voxel_slots: await storage(4 * slots, 'voxel slots'),
      row_slots: await storage(4 * slots, 'row slots'),
      terms: await gpu.upload(terms, 'terms'),
      halves: await storage(2 * pixels * classes, 'halves'),
    });
  }

  /**
   * Submits the binning of a frame. What is wrong with it beyond what is thrown here, the store tells when it is asked
   * to integrate the result, as `footprintOf` would have.
   *
   * @param probabilities of the frame, H×W×C: halves of the CPU, or a storage buffer of f32, which is read when this
   *   call's work is done on the GPU and never changed; values are rounded to halves
   * @param voxelSize edge of a voxel, metres
   * @returns to be given back by `release` when nothing more is to be asked of it
   * @throws BadFrameError where the pose cannot be used at all; RangeError where sizes do not agree
   */
  async bin(
    frame: PosedDepth,
    superpixels: Superpixels,
    probabilities: ProbabilityMap | GPUBuffer,
    voxelSize: number,
  ): Promise<GpuIncidences> {
    const { width, height } = this.size;
    const pixels = width * height;
    if (frame.width !== width || frame.height !== height)
      throw new RangeError(
        `expected frames of ${width}×${height}, got one of ${frame.width}×${frame.height}`,
      );
    const slopes = slopesOf(frame, voxelSize);
    const halves = 'data' in probabilities;
    if (
      halves
        ? probabilities.data.length !== pixels * this.classes
        : probabilities.size < 4 * pixels * this.classes
    )
      throw new RangeError(`expected a map of ${width}×${height}×${this.classes}`);
    const incidences = await this.#take(superpixels.count);
    this.#out.add(incidences);

    const { gpu } = this;
    const buffers = this.#buffers;
    gpu.write(buffers.frame, 0, frameWords(frame, voxelSize));
    gpu.write(buffers.slopes, 0, slopes);
    gpu.write(buffers.depth, 0, frame.depth);
    gpu.write(buffers.superpixels, 0, superpixels.ids);
    if (halves) gpu.write(buffers.halves, 0, probabilities.data);

    const { project, group, arrange, reduce } = this.#kernels;
    const sum = halves ? this.#kernels.sumHalves : this.#kernels.sum;
    const bindings = { ...buffers, ...buffersOf(incidences), map: halves ? buffers.halves : probabilities };
    const encoder = gpu.device.createCommandEncoder();
    const { counts, superpixelPixels } = incidences;
    for (const buffer of [buffers.voxel_slots, buffers.row_slots, counts, superpixelPixels])
      encoder.clearBuffer(buffer);
    const pass = gpu.beginPass(encoder, 'bin');
    const perPixel = Math.ceil(pixels / GROUP);
    project.dispatch(pass, 'project', project.bind(bindings), perPixel);
    const grouping = group.bind(bindings);
    group.dispatch(pass, 'claim', grouping, perPixel);
    group.dispatch(pass, 'number', grouping, perPixel);
    arrange.dispatch(pass, 'arrange', arrange.bind(bindings), 1);
    const summing = sum.bind(bindings);
    sum.dispatch(pass, 'clear_rows', summing, workgroups(incidences, 'rowClass'));
    sum.dispatch(pass, 'clear_voxels', summing, workgroups(incidences, 'voxelWord'));
    sum.dispatch(pass, 'sum', summing, Math.ceil((Math.ceil(pixels / RUN) * this.classes) / GROUP));
    reduce.dispatch(pass, 'reduce', reduce.bind(bindings), workgroups(incidences, 'rowClass'));
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    return incidences;
  }

  /** Takes a result back for frames to come. */
  release(incidences: GpuIncidences): void {
    this.#out.delete(incidences);
    this.#free.push(incidences);
  }

  /** Gives the GPU's memory back, that of results too. */
  destroy(): void {
    for (const buffer of Object.values(this.#buffers)) buffer.destroy();
    for (const incidences of [...this.#free, ...this.#out]) destroyIncidences(incidences);
  }

  /** Room for a frame's incidences: as many rows and voxels as pixels, in the worst case. */
  async #take(superpixels: number): Promise<GpuIncidences> {
    const index = this.#free.findIndex((one) => one.superpixels === superpixels);
    if (index >= 0) return this.#free.splice(index, 1)[0];
    for (const one of this.#free.splice(MOST_KEPT)) destroyIncidences(one);
    const { STORAGE, INDIRECT, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const room = this.size.width * this.size.height;
    const C = this.classes;
    const storage = (words: number, label: string, more = 0) =>
      this.gpu.allocate(4 * words, STORAGE | COPY_SRC | COPY_DST | more, label);
    return {
      classes: C,
      room,
      rowRoom: room,
      superpixels,
      counts: await storage(4, 'counts'),
      dispatches: await storage(DISPATCH_BYTES / 4, 'dispatches', INDIRECT),
      superpixelPixels: await storage(superpixels, 'superpixel pixels'),
      voxels: await storage(VOXEL_WORDS * room, 'voxels'),
      rows: await storage(ROW_WORDS * room, 'rows'),
      own: await storage((2 + 2 * C) * room, 'own'),
      sums: await storage((2 * C + 1) * room, 'sums'),
    };
  }
}

/** Results that are kept for frames with as many superpixels. */
const MOST_KEPT = 16;

function buffersOf(incidences: GpuIncidences): Record<string, GPUBuffer> {
  const { counts, dispatches, superpixelPixels, voxels, rows, own, sums } = incidences;
  return { counts, dispatches, superpixel_pixels: superpixelPixels, voxels, rows, own, sums };
}

/**
 * Slopes of project.wgsl, for each column and then for each row, by axis.
 * @throws BadFrameError where they are not finite, or too large for their integers
 */
function slopesOf(frame: PosedDepth, voxelSize: number): Uint32Array {
  const { width, height, intrinsics, cameraToWorld: m } = frame;
  const words = new Uint32Array(6 * (width + height));
  const most = [0, 0];
  const put = (at: number, line: 0 | 1, slope: number) => {
    most[line] = Math.max(most[line], Math.abs(slope));
    [words[at], words[at + 1]] = words64(Math.round((slope / voxelSize) * 2 ** SLOPE_BITS));
  };
  for (let axis = 0; axis < 3; axis++) {
    const [a, b, c] = [m[4 * axis], m[4 * axis + 1], m[4 * axis + 2]];
    for (let u = 0; u < width; u++) put(6 * u + 2 * axis, 0, a * ((u - intrinsics.cx) / intrinsics.fx));
    for (let v = 0; v < height; v++)
      put(6 * (width + v) + 2 * axis, 1, b * ((v - intrinsics.cy) / intrinsics.fy) + c);
  }
  const finite = Number.isFinite(m[3]) && Number.isFinite(m[7]) && Number.isFinite(m[11]);
  if (!finite || !(most[0] + most[1] < 2 ** (63 - SLOPE_BITS) * voxelSize))
    throw new BadFrameError(frameName(frame), 'its pose puts points beyond the voxel grid');
  return words;
}

/** `Frame` of project.wgsl. */
function frameWords({ width, height, cameraToWorld: m }: PosedDepth, voxelSize: number): Uint32Array {
  // Far beyond the grid is no farther than just beyond it.
  const beyond = 1.5 * 2 ** 30;
  const camera = [m[3], m[7], m[11]].flatMap((t) =>
    words64(Math.round(Math.min(Math.max(t / voxelSize, -beyond), beyond) * 2 ** CAMERA_BITS)),
  );
  return Uint32Array.of(width, height, ...camera);
}
