import { BadFrameError, UserError } from '../errors.js';
import type { Gpu } from '../gpu/device.js';
import { GROUP, KernelModule, WIDE_WGSL } from '../gpu/kernels.js';
import { MAX_PIXELS } from './fixed-point.js';
import { destroyBatch, uploadVoxels, type VoxelBatch, workgroups } from './gpu/batch.js';
import {
  destroyIncidences,
  type GpuIncidences,
  refuseFaults,
  uploadIncidences,
} from './gpu/gpu-incidences.js';
import {
  type Operation,
  PointTable,
  type PointTableOptions,
  RECORD_HEAD,
  STATUS_WORDS,
  wgsl,
} from './gpu/point-table.js';
import { SCORE_WORDS, scoresOf } from './gpu/superpixel-sums.js';
import type { Incidences } from './incidences.js';
import {
  allocatePoints,
  type PointStore,
  type Points,
  type SuperpixelScores,
  type VoxelSums,
} from './point-store.js';

/** Voxels that are uploaded at once. */
const UPLOAD = 2 ** 16;
/** An operation that found no slot is tried again in a larger table, so many times. */
const TRIES = 4;

/** `Status` of status.wgsl. */
interface Status {
  readonly count: number;
  readonly failed: number;
  readonly missing: number;
  /** Pixels of a voxel that would overflow; −1 where none would. */
  readonly full: number;
  readonly short: number;
  readonly beyond: number;
  readonly crowded: number;
}

/** The store's kernels, compiled for a number of classes. */
type Kernels = Awaited<ReturnType<typeof compile>>;

async function compile(gpu: Gpu, constants: Readonly<Record<string, number>>) {
  const load = <Entry extends string>(entries: readonly Entry[], ...files: string[]) =>
    KernelModule.load(gpu, [WIDE_WGSL, ...['layout', 'batch', ...files].map(wgsl)], entries, constants);
  const [table, combine, gather, score, dirty, lookup] = await Promise.all([
    load(['begin', 'locate', 'insert', 'neighbours'], 'operation', 'status', 'points', 'slots', 'table'),
    load(['check', 'add'], 'operation', 'status', 'points', 'combine'),
    load(['gather'], 'points', 'gather'),
    load(['score'], 'rows', 'superpixel-sums', 'score'),
    load(['compare', 'flag'], 'operation', 'points', 'rows', 'dirty'),
    load(['lookup'], 'points', 'lookup'),
  ]);
  return { table, combine, gather, score, dirty, lookup };
}

/**
 * A point store in the GPU's memory. It holds the same integers as `CpuPointStore` after the same calls; scores are
 * computed in single precision from exact differences, and agree to 1e-5.
 *
 * Calls are carried out in the order in which they are made, and need not wait for each other: the GPU checks and then
 * adds or refuses by itself, and what came of it is told when it is known. Frames may be given as incidences of the
 * CPU, which are uploaded, or as those that a `GpuBinner` left on the GPU.
 */
export class GpuPointStore implements PointStore {
  readonly #gpu: Gpu;
  readonly #table: PointTable;
  readonly #kernels: Kernels;
  /** Working memory of `score`: what voxels are compared with, and sums by superpixel. */
  #others: GPUBuffer | undefined;
  #scores: GPUBuffer | undefined;
  /** The last call has had its turn. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Calls that have been submitted and not come back. */
  readonly #submitted = new Set<Promise<unknown>>();
  /** Records in use, as far as known, and the most that calls under way may add. */
  #count = 0;
  #coming = 0;
  #revision = 0;

  private constructor(gpu: Gpu, table: PointTable, kernels: Kernels) {
    this.#gpu = gpu;
    this.#table = table;
    this.#kernels = kernels;
  }

  /** @throws GpuError where the GPU has no room for an empty store; UserError for more than 256 classes */
  static async create(gpu: Gpu, classes: number, options: PointTableOptions = {}): Promise<GpuPointStore> {
    if (!(classes >= 1 && classes <= GROUP))
      throw new UserError(`A store on the GPU bears 1 to ${GROUP} classes, not ${classes}.`);
    const table = await PointTable.create(gpu, classes, options);
    return new GpuPointStore(gpu, table, await compile(gpu, table.constants));
  }

  get classes(): number {
    return this.#table.classes;
  }

  /** Number of the last call that may have changed the store; see `dirty`. */
  get revision(): number {
    return this.#revision;
  }

  async integrate(incidences: Incidences | GpuIncidences, name: string): Promise<void> {
    this.#expectClasses(incidences, name);
    await this.#withFrame(incidences, async (frame) => {
      const { status } = await this.#insert([frame], 'integrate');
      refuse(status, name);
    });
  }

  /**
   * `integrate`, then `score`, in one go.
   * @throws BadFrameError as `integrate`
   */
  async observe(incidences: Incidences | GpuIncidences, name: string): Promise<SuperpixelScores> {
    this.#expectClasses(incidences, name);
    return this.#withFrame(incidences, async (frame) => {
      const { status, more } = await this.#insert([frame], 'integrate', this.#scoring(frame));
      refuse(status, name);
      return scoresOf(more[0], more[1]);
    });
  }

  async remove(incidences: Incidences | GpuIncidences): Promise<void> {
    await this.#withFrame(incidences, async (frame) => {
      const { status } = await this.#submit({
        sign: -1,
        encode: (encoder) => {
          const pass = this.#gpu.beginPass(encoder, 'remove');
          this.#find(pass, frame, 'locate');
          this.#combine(pass, frame, 'check');
          this.#combine(pass, frame, 'add');
          pass.end();
        },
      });
      if (status.missing > 0 || status.short > 0) throw notInStore();
    });
  }

  async merge(points: Points): Promise<void> {
    const C = this.classes;
    if (points.classes !== C)
      throw new UserError(`A store of ${C} classes cannot take in points of ${points.classes} classes.`);
    expectSorted(points.voxels);
    const parts: VoxelBatch[] = [];
    const words = 2 + 2 * C;
    try {
      for (let from = 0; from < points.pixels.length; from += UPLOAD) {
        const to = Math.min(from + UPLOAD, points.pixels.length);
        const own = new Uint32Array((to - from) * words);
        for (let i = from, at = 0; i < to; i++, at += words) {
          own[at] = points.pixels[i];
          own[at + 1] = points.frames[i];
          own.set(points.sumP.subarray(i * C, (i + 1) * C), at + 2);
          own.set(points.sumNegLog.subarray(i * C, (i + 1) * C), at + 2 + C);
        }
        const voxels = points.voxels.subarray(3 * from, 3 * to);
        parts.push(await uploadVoxels(this.#gpu, C, 0, voxels, undefined, own));
      }
      if (parts.length === 0) return;
      const { status } = await this.#insert(parts, 'merge');
      if (status.full >= 0)
        throw new UserError(`Merged stores would hold more than ${MAX_PIXELS} pixels in one voxel.`);
    } finally {
      for (const part of parts) destroyBatch(part);
    }
  }

  async snapshot(): Promise<Points> {
    const chunks: Uint32Array[] = [];
    await this.#alone(async () => {
      for await (const chunk of this.#table.read(this.#count)) chunks.push(chunk);
    });
    return pointsOf(chunks, this.classes);
  }

  async lookup(voxels: Int32Array): Promise<VoxelSums> {
    const C = this.classes;
    const words = 2 + C;
    const count = voxels.length / 3;
    const sums = {
      pixels: new Uint32Array(count),
      frames: new Uint32Array(count),
      sumP: new Uint32Array(count * C),
    };
    for (let from = 0; from < count; from += UPLOAD) {
      const batch = await uploadVoxels(this.#gpu, C, 0, voxels.subarray(3 * from, 3 * (from + UPLOAD)));
      const { STORAGE, COPY_SRC } = GPUBufferUsage;
      const found = await this.#gpu.allocate(4 * words * batch.room, STORAGE | COPY_SRC, 'found');
      try {
        const { more } = await this.#submit({
          encode: (encoder) => {
            const pass = this.#gpu.beginPass(encoder, 'lookup');
            this.#find(pass, batch, 'locate');
            const group = this.#kernels.lookup.bind({ ...this.#bindings(batch), found });
            this.#kernels.lookup.dispatch(pass, 'lookup', group, Math.ceil((batch.room * words) / GROUP));
            pass.end();
          },
          read: () => [{ buffer: found, words: words * batch.room }],
        });
        for (let i = 0; i < batch.room; i++) {
          sums.pixels[from + i] = more[0][i * words];
          sums.frames[from + i] = more[0][i * words + 1];
          sums.sumP.set(more[0].subarray(i * words + 2, (i + 1) * words), (from + i) * C);
        }
      } finally {
        found.destroy();
        destroyBatch(batch);
      }
    }
    return sums;
  }

  async score(incidences: Incidences | GpuIncidences): Promise<SuperpixelScores> {
    return this.#withFrame(incidences, async (frame) => {
      const scoring = this.#scoring(frame);
      const { status, more } = await this.#submit({
        ...scoring,
        encode: (encoder) => {
          const pass = this.#gpu.beginPass(encoder, 'locate');
          this.#find(pass, frame, 'locate');
          pass.end();
          scoring.encode(encoder);
        },
      });
      if (status.missing > 0) throw notInStore();
      return scoresOf(more[0], more[1]);
    });
  }

  /**
   * Which of a frame's superpixels have to be scored again because frames came or went: 1 where one of the voxels that
   * a superpixel is scored by, its own and those before and behind them, was changed by a later call than `since`.
   *
   * @param since the store's `revision` when the frame was scored
   * @returns by superpixel
   */
  async dirty(incidences: Incidences | GpuIncidences, since: number): Promise<Uint8Array> {
    return this.#withFrame(incidences, async (frame) => {
      const { STORAGE, COPY_SRC } = GPUBufferUsage;
      const dirty = await this.#gpu.allocate(4 * frame.superpixels, STORAGE | COPY_SRC, 'dirty');
      try {
        const { status, more } = await this.#submit({
          since,
          encode: (encoder) => {
            const pass = this.#gpu.beginPass(encoder, 'dirty');
            this.#find(pass, frame, 'locate');
            this.#find(pass, frame, 'neighbours');
            const group = this.#kernels.dirty.bind({ ...this.#bindings(frame), dirty });
            this.#kernels.dirty.dispatch(pass, 'compare', group, workgroups(frame, 'voxel'));
            this.#kernels.dirty.dispatch(pass, 'flag', group, workgroups(frame, 'row'));
            pass.end();
          },
          read: () => [{ buffer: dirty, words: frame.superpixels }],
        });
        if (status.missing > 0) throw notInStore();
        return Uint8Array.from(more[0]);
      } finally {
        dirty.destroy();
      }
    });
  }

  /** Voxels of all frames ever integrated, those removed too: what the store's memory is used for. */
  async countVoxels(): Promise<number> {
    return this.#alone(async () => this.#count);
  }

  /** Gives the GPU's memory back; no call may be under way or follow. */
  destroy(): void {
    this.#table.destroy();
    this.#others?.destroy();
    this.#scores?.destroy();
  }

  #expectClasses({ classes }: { readonly classes: number }, name: string): void {
    if (classes !== this.classes)
      throw new BadFrameError(name, `has a map of ${classes} classes, those before it had ${this.classes}`);
  }

  /** Runs with the frame on the GPU; what had to be uploaded is destroyed after. */
  async #withFrame<T>(
    incidences: Incidences | GpuIncidences,
    work: (frame: GpuIncidences) => Promise<T>,
  ): Promise<T> {
    if ('own' in incidences) return work(incidences);
    const frame = await uploadIncidences(this.#gpu, incidences);
    try {
      return await work(frame);
    } finally {
      destroyIncidences(frame);
    }
  }

  /**
   * Adds batches that share no voxel, all or none, and then does more. Voxels that found no slot are tried again in a
   * larger table; that they did not is told by the status, and nothing was added.
   */
  async #insert(batches: readonly VoxelBatch[], label: string, more?: Submission): Promise<Answer> {
    const voxels = batches.reduce((total, { room }) => total + room, 0);
    for (let tries = 0; ; tries++) {
      const answer = await this.#submit({
        ...more,
        voxels,
        sign: 1,
        encode: (encoder) => {
          const pass = this.#gpu.beginPass(encoder, label);
          batches.forEach((batch, i) => {
            this.#find(pass, batch, 'insert', i === 0);
            this.#combine(pass, batch, 'check');
          });
          for (const batch of batches) this.#combine(pass, batch, 'add');
          pass.end();
          more?.encode(encoder);
        },
      });
      const { failed } = answer.status;
      if (failed === 0) return answer;
      if (tries === TRIES) throw new Error(`${failed} voxels found no slot in the GPU's point store`);
      await this.#alone(() => this.#table.grow(this.#count, this.#table.capacity));
    }
  }

  /** Scoring of a frame whose voxels have been found. */
  #scoring(frame: GpuIncidences): Submission {
    const { superpixels } = frame;
    return {
      prepare: async () => {
        const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
        const others = 4 * frame.room * (4 + this.classes);
        if (this.#others === undefined || this.#others.size < others) {
          this.#others?.destroy();
          this.#others = undefined;
          this.#others = await this.#gpu.allocate(Math.max(4, others), STORAGE, 'others');
        }
        const scores = 4 * SCORE_WORDS * superpixels;
        if (this.#scores === undefined || this.#scores.size < scores) {
          this.#scores?.destroy();
          this.#scores = undefined;
          this.#scores = await this.#gpu.allocate(scores, STORAGE | COPY_SRC | COPY_DST, 'scores');
        }
      },
      encode: (encoder) => {
        const [others, scores] = [this.#others!, this.#scores!];
        encoder.clearBuffer(scores, 0, 4 * SCORE_WORDS * superpixels);
        const { gather, score } = this.#kernels;
        const bindings = { ...this.#bindings(frame), others, scores };
        const pass = this.#gpu.beginPass(encoder, 'score');
        this.#find(pass, frame, 'neighbours');
        gather.dispatch(pass, 'gather', gather.bind(bindings), workgroups(frame, 'voxelClass'));
        score.dispatch(pass, 'score', score.bind(bindings), workgroups(frame, 'rowClass'));
        pass.end();
      },
      read: () => [
        { buffer: this.#scores!, words: SCORE_WORDS * superpixels },
        { buffer: frame.superpixelPixels, words: superpixels },
      ],
    };
  }

  /** A step of table.wgsl; finding or inserting the first batch of an operation begins it. */
  #find(
    pass: GPUComputePassEncoder,
    batch: VoxelBatch,
    step: 'locate' | 'insert' | 'neighbours',
    begins = step !== 'neighbours',
  ): void {
    const { table } = this.#kernels;
    const group = table.bind(this.#bindings(batch));
    if (begins) table.dispatch(pass, 'begin', group, 1);
    table.dispatch(pass, step, group, workgroups(batch, 'voxel'));
  }

  #combine(pass: GPUComputePassEncoder, batch: VoxelBatch, step: 'check' | 'add'): void {
    const { combine } = this.#kernels;
    const shape = step === 'check' ? 'voxel' : 'voxelWord';
    combine.dispatch(pass, step, combine.bind(this.#bindings(batch)), workgroups(batch, shape));
  }

  #bindings(batch: VoxelBatch | GpuIncidences): Record<string, GPUBuffer | GPUBufferBinding> {
    const { counts, voxels, own } = batch;
    const bindings = { ...this.#table.bindings(), counts, voxels, own };
    return 'rows' in batch ? { ...bindings, rows: batch.rows, sums: batch.sums } : bindings;
  }

  /** Submits one operation when its turn has come, after making room, and reads what came of it. */
  async #submit({ voxels = 0, sign, since = 0, prepare, encode, read }: Submission): Promise<Answer> {
    const turn = this.#turn.then(async () => {
      await prepare?.();
      await this.#reserve(voxels);
      if (sign !== undefined) this.#revision++;
      this.#table.begin({ revision: this.#revision, sign: sign ?? 1, since });
      const encoder = this.#gpu.device.createCommandEncoder();
      encode(encoder);
      this.#coming += voxels;
      const answer = this.#gpu
        .submitAndRead(encoder, [
          { buffer: this.#table.status, words: STATUS_WORDS },
          ...(read === undefined ? [] : read()),
        ])
        .then(([words, ...more]): Answer => {
          const status = statusOf(words);
          // Answers come in the order of submission, and records are never given back.
          this.#count = status.count;
          return { status, more };
        })
        .finally(() => {
          this.#coming -= voxels;
          this.#submitted.delete(answer);
        });
      this.#submitted.add(answer);
      // In an object, because the turn is over once the work is submitted, not when it is done.
      return { answer };
    });
    this.#turn = turn.catch(() => {});
    return (await turn).answer;
  }

  /** Runs when its turn has come and nothing is under way, so that `#count` is exact. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      await Promise.allSettled(this.#submitted);
      return work();
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Makes room for so many more records. The exact count is waited for only when there might be none. */
  async #reserve(voxels: number): Promise<void> {
    if (this.#count + this.#coming + voxels <= this.#table.capacity) return;
    await Promise.allSettled(this.#submitted);
    const needed = this.#count + voxels;
    if (needed > this.#table.capacity) await this.#table.grow(this.#count, needed);
  }
}

/** One operation. */
interface Submission {
  /** The most new records. */
  readonly voxels?: number;
  /** Whether it adds or subtracts; neither where the store stays as it is. */
  readonly sign?: Operation['sign'];
  readonly since?: number;
  /** Runs in its turn, before anything is encoded. */
  readonly prepare?: () => Promise<void>;
  readonly encode: (encoder: GPUCommandEncoder) => void;
  /** What to read when all is done, beside the status. */
  readonly read?: () => { readonly buffer: GPUBuffer; readonly words: number }[];
}

interface Answer {
  readonly status: Status;
  /** What `read` asked for. */
  readonly more: readonly Uint32Array[];
}

function statusOf([count, , failed, missing, full, short, beyond, crowded]: Uint32Array): Status {
  return { count, failed, missing, full: full - 1, short, beyond, crowded };
}

/** @throws BadFrameError where a frame was not added, for the reasons that the CPU gives */
function refuse({ full, beyond, crowded }: Status, name: string): void {
  refuseFaults({ beyond, crowded }, name);
  if (full >= 0)
    throw new BadFrameError(
      name,
      `sees a voxel that ${full} pixels have seen already, the most that its sums can hold is ${MAX_PIXELS}`,
    );
}

function notInStore(): Error {
  return new Error('the frame is not in the store');
}

/** Threads insert voxels side by side, which is right for distinct ones only: what a snapshot says of itself. */
function expectSorted(voxels: Int32Array): void {
  for (let at = 3; at < voxels.length; at += 3) {
    const step =
      voxels[at] - voxels[at - 3] || voxels[at + 1] - voxels[at - 2] || voxels[at + 2] - voxels[at - 1];
    if (step <= 0) throw new RangeError('expected points sorted by voxel, each voxel once');
  }
}

/** The records that hold pixels, sorted by voxel. */
function pointsOf(chunks: readonly Uint32Array[], C: number): Points {
  const words = RECORD_HEAD + 2 * C;
  const found: { readonly chunk: Int32Array; readonly at: number }[] = [];
  for (const { buffer, byteOffset, length } of chunks) {
    const chunk = new Int32Array(buffer, byteOffset, length);
    for (let at = 0; at < length; at += words) if (chunk[at + 4] !== 0) found.push({ chunk, at });
  }
  found.sort(
    (a, b) =>
      a.chunk[a.at] - b.chunk[b.at] ||
      a.chunk[a.at + 1] - b.chunk[b.at + 1] ||
      a.chunk[a.at + 2] - b.chunk[b.at + 2],
  );
  const points = allocatePoints(C, found.length);
  found.forEach(({ chunk, at }, i) => {
    points.voxels.set(chunk.subarray(at, at + 3), 3 * i);
    points.pixels[i] = chunk[at + 4];
    points.frames[i] = chunk[at + 5];
    points.sumP.set(chunk.subarray(at + RECORD_HEAD, at + RECORD_HEAD + C), i * C);
    points.sumNegLog.set(chunk.subarray(at + RECORD_HEAD + C, at + words), i * C);
  });
  return points;
}
