import { type CpuPointStore, meanEntropy } from '../store/cpu-point-store.js';
import { type Incidences, rayOffset } from '../store/incidences.js';
import type { VoxelJoin } from './overlap-index.js';

/** Words of a group: see `EntropyIndex.#groups`. */
const GROUP_WORDS = 7;
const [VOXEL, AXIS, NEAR, FAR, ENTROPY, BLOCK, NEXT] = [0, 1, 2, 3, 4, 5, 6];
/** Rows in a block, and its words: the next block, the rows in use, and the rows. 64 bytes, a line of the cache. */
const BLOCK_ROWS = 7;
const BLOCK_WORDS = 2 + 2 * BLOCK_ROWS;
/** Stands for no voxel, where `NEAR` and `FAR` hold voxel ids plus one. */
const NONE = 0;
/** Code of the ray in the opposite direction is this less the code. */
const OPPOSITE = 26;

/**
 * View entropy of every superpixel of a scene as frames come: bit for bit what the store's `score` says of
 * all of them, at the cost of what new frames touched. That is paid when someone asks: frames that come faster than anyone
 * does mostly touch the same places, which are looked at once for all of them.
 *
 * View entropy belongs to a voxel and the axis along which it is looked at (`CpuPointStore.viewEntropy`). Rows are kept in
 * groups of one voxel and axis, each with its entropy; when that changes, the sums of the superpixels with rows there change
 * by the difference. Sums are whole numbers, so nothing drifts.
 *
 * Some 12 to 20 bytes a row, and 50 a voxel and axis.
 */
export class EntropyIndex implements VoxelJoin {
  /** Group plus one of each voxel's first group; by voxel id. */
  #first = new Uint32Array(1024);
  /** Pointer plus one of the first group that has the voxel before or behind its own; by voxel id. */
  #seenBy = new Uint32Array(1024);
  /** Groups: voxel, axis, voxels before and behind plus one, entropy, first block plus one, next group of the voxel plus one. */
  #groups = new Uint32Array(1024 * GROUP_WORDS);
  #groupCount = 0;
  /** Pairs of a group and the next pointer plus one. */
  #pointers = new Uint32Array(2048);
  #pointerCount = 0;
  /** Blocks: the next one plus one, rows in use, then superpixel and pixels of each row. */
  #blocks = new Uint32Array(1024 * BLOCK_WORDS);
  #blockCount = 0;
  /** Groups whose entropy may have changed since rows were told of it; and by group, whether it is one of them. */
  #stale: number[] = [];
  #isStale = new Uint8Array(1024);
  /** Voxels of the store that groups may point to. */
  #knownVoxels = 0;
  /** By superpixel number: Σ pixels × entropy, and pixels with depth. */
  #sums = new Float64Array(1024);
  #pixels = new Uint32Array(1024);
  /** By superpixel number: whether it is in `#changed`. */
  #isChanged = new Uint8Array(1024);
  #changed: number[] = [];

  constructor(private readonly store: CpuPointStore) {}

  /** Of memory that it holds. */
  get bytes(): number {
    const byVoxel = this.#first.byteLength + this.#seenBy.byteLength;
    const byGroup = this.#groups.byteLength + this.#pointers.byteLength + this.#isStale.byteLength;
    const bySuperpixel = this.#sums.byteLength + this.#pixels.byteLength + this.#isChanged.byteLength;
    return byVoxel + byGroup + this.#blocks.byteLength + bySuperpixel;
  }

  /**
   * Adds a frame that the store has just integrated: every frame of the store, in the order of integration.
   * @param ids the store's ids of the frame's voxels
   * @param first number of the frame's first superpixel, which are numbered in a row
   */
  add(incidences: Incidences, ids: Uint32Array, first: number): void {
    const { superpixels, rowStart, voxel, pixels, rays } = incidences;
    this.#reserve(this.store.voxels.count, first + superpixels);
    const groups = new Uint32Array(ids.length);
    for (let v = 0; v < ids.length; v++) groups[v] = this.#groupOf(ids[v], axisOf(rays[v]));
    this.#pointToNew(ids);
    for (let r = 0; r < superpixels; r++) {
      const number = first + r;
      for (let row = rowStart[r]; row < rowStart[r + 1]; row++) {
        const group = groups[voxel[row]];
        this.#append(group, number, pixels[row]);
        this.#pixels[number] += pixels[row];
        this.#sums[number] += pixels[row] * this.#groups[group * GROUP_WORDS + ENTROPY];
      }
      this.#change(number);
    }
    this.update(ids);
  }

  /** Follows a change of the store's sums at these voxels. */
  update(ids: Uint32Array): void {
    const meet = (group: number) => {
      if (this.#isStale[group] === 1) return;
      this.#isStale[group] = 1;
      this.#stale.push(group);
    };
    for (const id of ids) {
      for (let g = this.#first[id]; g > 0; g = this.#groups[(g - 1) * GROUP_WORDS + NEXT]) meet(g - 1);
      for (let p = this.#seenBy[id]; p > 0; p = this.#pointers[2 * p - 1]) meet(this.#pointers[2 * p - 2]);
    }
  }

  /** Brings sums up to date with groups that are stale. */
  #settle(): void {
    if (this.#stale.length === 0) return;
    const groups = this.#groups;
    for (const group of this.#stale) {
      this.#isStale[group] = 0;
      const at = group * GROUP_WORDS;
      const entropy = this.store.viewEntropy(groups[at + VOXEL], groups[at + NEAR] - 1, groups[at + FAR] - 1);
      const difference = entropy - groups[at + ENTROPY];
      groups[at + ENTROPY] = entropy;
      const blocks = this.#blocks;
      for (let block = groups[at + BLOCK]; block > 0; ) {
        const from = (block - 1) * BLOCK_WORDS;
        const end = from + 2 + 2 * blocks[from + 1];
        for (let row = from + 2; row < end; row += 2) {
          this.#sums[blocks[row]] += blocks[row + 1] * difference;
          this.#change(blocks[row]);
        }
        block = blocks[from];
      }
    }
    this.#stale = [];
  }

  /** Mean view entropy of a superpixel, nats; NaN where it has no depth (paper, Eq. 6). */
  viewEntropy(superpixel: number): number {
    this.#settle();
    return meanEntropy(this.#sums[superpixel], this.#pixels[superpixel]);
  }

  /** Pixels with depth of a superpixel. */
  scoredPixels(superpixel: number): number {
    return this.#pixels[superpixel];
  }

  /** Superpixels of which a score may have changed since the last call: new ones, and those with rows where a frame was added. */
  takeChanged(): readonly number[] {
    this.#settle();
    const changed = this.#changed;
    for (const superpixel of changed) this.#isChanged[superpixel] = 0;
    this.#changed = [];
    return changed;
  }

  cover(voxel: number, pixels: number, covered: Uint32Array, met: number[], since: number): void {
    const blocks = this.#blocks;
    for (let g = this.#first[voxel]; g > 0; g = this.#groups[(g - 1) * GROUP_WORDS + NEXT])
      // Rows from the last one to the first.
      rows: for (let block = this.#groups[(g - 1) * GROUP_WORDS + BLOCK]; block > 0; ) {
        const from = (block - 1) * BLOCK_WORDS;
        for (let row = from + 2 * blocks[from + 1]; row > from; row -= 2) {
          const other = blocks[row];
          if (other < since) break rows;
          if (covered[other] === 0) met.push(other);
          covered[other] += pixels;
        }
        block = blocks[from];
      }
  }

  #change(superpixel: number): void {
    if (this.#isChanged[superpixel] === 1) return;
    this.#isChanged[superpixel] = 1;
    this.#changed.push(superpixel);
  }

  /** The group of a voxel and axis, a new one where there is none. */
  #groupOf(voxel: number, axis: number): number {
    for (let g = this.#first[voxel]; g > 0; g = this.#groups[(g - 1) * GROUP_WORDS + NEXT])
      if (this.#groups[(g - 1) * GROUP_WORDS + AXIS] === axis) return g - 1;
    const group = this.#groupCount++;
    this.#groups = grown(this.#groups, this.#groupCount * GROUP_WORDS);
    this.#isStale = grown(this.#isStale, this.#groupCount);
    const at = group * GROUP_WORDS;
    this.#groups[at + VOXEL] = voxel;
    this.#groups[at + AXIS] = axis;
    this.#groups[at + NEXT] = this.#first[voxel];
    this.#first[voxel] = group + 1;
    this.#point(group, NEAR, this.#neighbour(voxel, axis, -1));
    this.#point(group, FAR, this.#neighbour(voxel, axis, 1));
    return group;
  }

  /** Id plus one of the voxel beside another, `NONE` where no frame saw it. */
  #neighbour(voxel: number, axis: number, side: 1 | -1): number {
    const { voxels } = this.store;
    const at = (k: 0 | 1 | 2) => voxels.coordinate(voxel, k) + side * rayOffset(axis, k);
    return voxels.find(at(0), at(1), at(2)) + 1;
  }

  /** Says that a voxel (its id plus one) lies before or behind a group's. */
  #point(group: number, side: number, voxel: number): void {
    if (voxel === NONE) return;
    this.#groups[group * GROUP_WORDS + side] = voxel;
    const pointer = this.#pointerCount++;
    this.#pointers = grown(this.#pointers, 2 * this.#pointerCount);
    this.#pointers[2 * pointer] = group;
    this.#pointers[2 * pointer + 1] = this.#seenBy[voxel - 1];
    this.#seenBy[voxel - 1] = pointer + 1;
  }

  /** Tells groups of older frames of voxels beside theirs that are new. */
  #pointToNew(ids: Uint32Array): void {
    for (const id of ids) {
      if (id < this.#knownVoxels) continue;
      for (let axis = 0; axis < OPPOSITE / 2; axis++)
        for (const side of [-1, 1] as const) {
          const beside = this.#neighbour(id, axis, side);
          if (beside === NONE) continue;
          for (let g = this.#first[beside - 1]; g > 0; g = this.#groups[(g - 1) * GROUP_WORDS + NEXT]) {
            const at = (g - 1) * GROUP_WORDS;
            const place = side < 0 ? FAR : NEAR;
            if (this.#groups[at + AXIS] === axis && this.#groups[at + place] === NONE)
              this.#point(g - 1, place, id + 1);
          }
        }
    }
    this.#knownVoxels = this.store.voxels.count;
  }

  #append(group: number, superpixel: number, pixels: number): void {
    const head = group * GROUP_WORDS + BLOCK;
    let block = this.#groups[head] - 1;
    if (block < 0 || this.#blocks[block * BLOCK_WORDS + 1] === BLOCK_ROWS) {
      const next = block + 1;
      block = this.#blockCount++;
      this.#blocks = grown(this.#blocks, this.#blockCount * BLOCK_WORDS);
      this.#blocks[block * BLOCK_WORDS] = next;
      this.#groups[head] = block + 1;
    }
    const at = block * BLOCK_WORDS;
    const row = at + 2 + 2 * this.#blocks[at + 1]++;
    this.#blocks[row] = superpixel;
    this.#blocks[row + 1] = pixels;
  }

  #reserve(voxels: number, superpixels: number): void {
    this.#first = grown(this.#first, voxels);
    this.#seenBy = grown(this.#seenBy, voxels);
    this.#sums = grown(this.#sums, superpixels);
    this.#pixels = grown(this.#pixels, superpixels);
    this.#isChanged = grown(this.#isChanged, superpixels);
  }
}

/** A ray and its opposite are one axis: the smaller of their codes. */
function axisOf(code: number): number {
  return Math.min(code, OPPOSITE - code);
}

/** The array, or a copy with room for so many, at least twice as long. */
function grown<T extends Uint8Array | Uint32Array | Float64Array>(array: T, length: number): T {
  if (length <= array.length) return array;
  const Type = array.constructor as new (length: number) => T;
  const copy = new Type(Math.max(length, 2 * array.length));
  copy.set(array);
  return copy;
}
