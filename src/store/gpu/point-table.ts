import { type Gpu, STORAGE_BUFFERS } from '../../gpu/device.js';
import { GpuError } from '../../gpu/errors.js';
import { GROUP, KernelModule } from '../../gpu/kernels.js';
import { MAX_PIXELS } from '../fixed-point.js';

/** WGSL file of this folder. */
export const wgsl = (name: string): URL => new URL(`./${name}.wgsl`, import.meta.url);

/** Pages of records that a kernel binds (points.wgsl); with what else it needs that makes STORAGE_BUFFERS. */
const PAGES = STORAGE_BUFFERS - 4;

/** Words of a record before its sums (points.wgsl). */
export const RECORD_HEAD = 6;

/** Longest probe (slots.wgsl). One of a hundred is rare in a table of millions that is at most half full. */
const PROBES = 256;

/** Words of `Status` (status.wgsl). */
export const STATUS_WORDS = 8;

/** Words of `Operation` (batch.wgsl). */
const OPERATION_WORDS = 5;

export interface PointTableOptions {
  /** Records that there is room for at first. */
  readonly initialPoints?: number;
  /** For tests: the most records in a page, a power of two, if less than the adapter's bindings bear. */
  readonly pagePoints?: number;
  /** For tests: the longest probe. */
  readonly probes?: number;
}

/** What one operation asks of the kernels. */
export interface Operation {
  readonly revision: number;
  readonly sign: 1 | -1;
  readonly since: number;
}

/**
 * The GPU store's memory: a hash table from voxels to dense ids, at most half full, and records by id, in pages.
 *
 * Records are (2 C + 6) words and never move but from a smaller first page to a larger one; slots take 16 bytes a
 * record. Some 144 bytes a voxel for 13 classes, and up to twice that just after growing.
 */
export class PointTable {
  readonly #gpu: Gpu;
  readonly #rehash: KernelModule<'rehash'>;
  readonly #recordBytes: number;
  readonly #pages: GPUBuffer[] = [];
  readonly #dummy: GPUBuffer;
  readonly #emptyBatch: { readonly counts: GPUBuffer; readonly voxels: GPUBuffer };
  #slots: GPUBuffer;
  /** Records that there is room for. */
  capacity = 0;
  /** Raised whenever buffers are replaced: bind groups made before are void. */
  generation = 0;

  private constructor(
    gpu: Gpu,
    readonly classes: number,
    /** The number of records in a page is 2 to this. */
    readonly pageBits: number,
    readonly probes: number,
    /** `Status` struct; its first word counts the records in use, dead ones too. */
    readonly status: GPUBuffer,
    /** `Operation` uniform. */
    readonly operation: GPUBuffer,
    rehash: KernelModule<'rehash'>,
    dummy: GPUBuffer,
    emptyBatch: { readonly counts: GPUBuffer; readonly voxels: GPUBuffer },
  ) {
    this.#gpu = gpu;
    this.#rehash = rehash;
    this.#recordBytes = 4 * (RECORD_HEAD + 2 * classes);
    this.#dummy = dummy;
    this.#emptyBatch = emptyBatch;
    this.#slots = dummy;
  }

  static async create(gpu: Gpu, classes: number, options: PointTableOptions): Promise<PointTable> {
    const recordBytes = 4 * (RECORD_HEAD + 2 * classes);
    const { maxStorageBufferBindingSize, maxBufferSize } = gpu.device.limits;
    const most = Math.floor(Math.log2(Math.min(maxStorageBufferBindingSize, maxBufferSize) / recordBytes));
    const pageBits =
      options.pagePoints === undefined ? most : Math.min(most, Math.floor(Math.log2(options.pagePoints)));
    const probes = options.probes ?? PROBES;
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const table = new PointTable(
      gpu,
      classes,
      pageBits,
      probes,
      await gpu.allocate(4 * STATUS_WORDS, STORAGE | COPY_SRC | COPY_DST, 'status'),
      await gpu.allocate(4 * OPERATION_WORDS, UNIFORM | COPY_DST, 'operation'),
      await KernelModule.load(
        gpu,
        ['layout', 'batch', 'status', 'points', 'slots', 'rehash'].map(wgsl),
        ['rehash'],
        { CLASSES: classes, PAGE_BITS: pageBits, PROBES: probes },
      ),
      await gpu.allocate(256 * PAGES, STORAGE, 'no page'),
      {
        counts: await gpu.allocate(16, STORAGE | COPY_DST, 'records to rehash'),
        voxels: await gpu.allocate(256, STORAGE, 'no voxels'),
      },
    );
    await table.grow(0, Math.min(options.initialPoints ?? 2 ** 16, 2 ** pageBits));
    return table;
  }

  get constants(): Readonly<Record<string, number>> {
    return { CLASSES: this.classes, PAGE_BITS: this.pageBits, PROBES: this.probes };
  }

  /** Every binding of the store's own: pages, slots, status, operation. */
  bindings(): Record<string, GPUBuffer | GPUBufferBinding> {
    const bindings: Record<string, GPUBuffer | GPUBufferBinding> = {
      slots: this.#slots,
      status: this.status,
      operation: this.operation,
    };
    // Writable bindings may not overlap, so each page that is not there has its own part of the dummy.
    for (let page = 0; page < PAGES; page++)
      bindings[`page${page}`] = this.#pages[page] ?? { buffer: this.#dummy, offset: 256 * page, size: 256 };
    return bindings;
  }

  /** Sets the uniform for the next submission. */
  begin({ revision, sign, since }: Operation): void {
    const words = Uint32Array.of(revision, sign, this.capacity, MAX_PIXELS, since);
    this.#gpu.device.queue.writeBuffer(this.operation, 0, words);
  }

  /**
   * Makes room for records, at least as many as asked, and rehashes into a table at most half full. Operations
   * submitted before see the old buffers, those after the new ones.
   *
   * @param count records in use
   * @throws GpuError of kind `memory`, and changes nothing, where there is no room
   */
  async grow(count: number, records: number): Promise<void> {
    const page = 2 ** this.pageBits;
    let capacity = Math.max(this.capacity, 1);
    while (capacity < records) capacity = capacity < page ? Math.min(2 * capacity, page) : capacity + page;
    if (capacity > PAGES * page) throw this.#full(PAGES * page);

    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const fresh: GPUBuffer[] = [];
    const replaced: GPUBuffer[] = [];
    try {
      // Pages after the first are whole from the start; the first doubles until it is whole.
      const pages = [...this.#pages];
      const encoder = this.#gpu.device.createCommandEncoder();
      for (let p = 0; p * page < capacity; p++) {
        const size = Math.min(capacity - p * page, page) * this.#recordBytes;
        if (pages[p] !== undefined && pages[p].size >= size) continue;
        const buffer = await this.#gpu.allocate(size, STORAGE | COPY_SRC | COPY_DST, `points ${p}`);
        fresh.push(buffer);
        if (pages[p] !== undefined) {
          encoder.copyBufferToBuffer(pages[p], 0, buffer, 0, pages[p].size);
          replaced.push(pages[p]);
        }
        pages[p] = buffer;
      }
      this.#gpu.device.queue.submit([encoder.finish()]);
      // Half full at most; a table that was large enough and is grown all the same had too long a probe.
      let slots = 2 ** Math.ceil(Math.log2(2 * capacity));
      if (capacity === this.capacity) slots = Math.max(slots, this.#slots.size / 4);
      let table: GPUBuffer;
      for (;;) {
        table = await this.#gpu.allocate(8 * slots, STORAGE | COPY_DST, 'slots');
        fresh.push(table);
        if (await this.#fill(table, pages, count)) break;
        slots *= 2;
      }
      replaced.push(this.#slots, ...fresh.filter((buffer) => buffer !== table && !pages.includes(buffer)));
      this.#pages.splice(0, this.#pages.length, ...pages);
      this.#slots = table;
      this.capacity = capacity;
      this.generation++;
    } catch (error) {
      for (const buffer of fresh) buffer.destroy();
      throw error;
    }
    for (const buffer of replaced) if (buffer !== this.#dummy) buffer.destroy();
  }

  /** Puts every id in use into empty slots; false where one found none within the longest probe. */
  async #fill(slots: GPUBuffer, pages: readonly GPUBuffer[], count: number): Promise<boolean> {
    if (count === 0) return true;
    const { device } = this.#gpu;
    const bindings = this.bindings();
    pages.forEach((buffer, page) => {
      bindings[`page${page}`] = buffer;
    });
    device.queue.writeBuffer(this.#emptyBatch.counts, 0, Uint32Array.of(0, count, 0, 0));
    const encoder = device.createCommandEncoder();
    encoder.clearBuffer(this.status, 8, 4);
    const pass = this.#gpu.beginPass(encoder, 'rehash');
    const group = this.#rehash.bind({ ...bindings, ...this.#emptyBatch, slots });
    this.#rehash.dispatch(pass, 'rehash', group, Math.ceil(count / GROUP));
    pass.end();
    const [status] = await this.#gpu.submitAndRead(encoder, [{ buffer: this.status, words: STATUS_WORDS }]);
    return status[2] === 0;
  }

  #full(most: number): GpuError {
    return new GpuError(
      'memory',
      `The scene has more voxels than ${this.#gpu.report.name} can address, ${most} at ${this.classes} classes; choose a larger --voxel or the CPU.`,
    );
  }

  /** Records 0 to count, as they lie in the pages, page after page. */
  async *read(count: number): AsyncGenerator<Uint32Array> {
    const words = this.#recordBytes / 4;
    // Some 16 MiB at a time, so that reading a large store needs no second one.
    const step = Math.max(1, Math.floor(2 ** 24 / this.#recordBytes));
    const page = 2 ** this.pageBits;
    for (let from = 0; from < count; ) {
      const inPage = from % page;
      const records = Math.min(step, count - from, page - inPage);
      yield this.#gpu.read(this.#pages[Math.floor(from / page)], records * words, inPage * this.#recordBytes);
      from += records;
    }
  }

  destroy(): void {
    for (const buffer of [...this.#pages, this.#slots, this.#dummy, this.status, this.operation])
      buffer.destroy();
    for (const buffer of Object.values(this.#emptyBatch)) buffer.destroy();
  }
}
