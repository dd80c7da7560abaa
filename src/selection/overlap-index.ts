import { type Places, SuperpixelRows } from './superpixel-rows.js';

/** Two superpixels show the same surface where this share of either one's pixels lies in voxels the other saw. */
export const MIN_OVERLAP = 0.5;

/** Which superpixels see a voxel. */
export interface VoxelJoin {
  /**
   * Counts some pixels as covered by every superpixel that sees the voxel.
   * @param covered by superpixel number: pixels covered so far
   * @param met gets the superpixels of which none had been
   * @param since superpixels of lower numbers are passed over
   */
  cover(voxel: number, pixels: number, covered: Uint32Array, met: number[], since: number): void;
}

/**
 * Which superpixels of a scene show the same surface: a join of incidences on the voxel.
 *
 * Holds 4 to 7 bytes an incidence, 0.03 to 0.2 MB a frame: what a scene's frames cost in memory beside the surface they show.
 */
export class OverlapIndex {
  readonly #rows = new SuperpixelRows();
  readonly #join: (rows: SuperpixelRows) => VoxelJoin;
  #joined: VoxelJoin | undefined;
  /** By voxel: the last look-up that met it. */
  #mark = new Uint32Array(0);
  #stamp = 0;
  /** By superpixel: pixels covered in this look-up; all zero between look-ups. */
  #covered = new Uint32Array(0);

  /** @param join says who sees a voxel; made from the frames added, when first asked for, if not given */
  constructor(join?: VoxelJoin) {
    this.#join = join === undefined ? (rows) => new StaticJoin(rows) : () => join;
  }

  /** Number of superpixels of all frames added. */
  get superpixels(): number {
    return this.#rows.superpixels;
  }

  /** Of memory that it holds, without the join. */
  get bytes(): number {
    return this.#rows.bytes + this.#mark.byteLength + this.#covered.byteLength;
  }

  /**
   * Adds a frame.
   * @param places the frame's rows
   * @param ids dense id of each of the frame's voxels, from the scene's voxel table
   * @returns the number of the frame's first superpixel
   */
  add(places: Places, ids: Uint32Array): number {
    this.#joined = undefined;
    return this.#rows.add(places, ids);
  }

  /**
   * Superpixels of other frames that overlap the given one by at least MIN_OVERLAP either way (paper, before
   * Eq. 9), in ascending order of their numbers. Superpixels of the same frame share no pixel, hence no surface.
   * @param since those of lower numbers are left out, at no cost
   */
  overlapping(superpixel: number, since = 0): number[] {
    const rows = this.#rows;
    this.#joined ??= this.#join(rows);
    if (this.#mark.length < rows.voxelCount) {
      this.#mark = new Uint32Array(Math.ceil(1.5 * rows.voxelCount));
      this.#stamp = 0;
    }
    if (this.#covered.length < rows.superpixels)
      this.#covered = new Uint32Array(Math.ceil(1.5 * rows.superpixels));
    const covered = this.#covered;
    const stamp = ++this.#stamp;
    const met: number[] = [];
    let total = 0;
    rows.read(superpixel);
    for (let row = 0; row < rows.count; row++) {
      total += rows.pixels[row];
      this.#mark[rows.voxels[row]] = stamp;
      this.#joined.cover(rows.voxels[row], rows.pixels[row], covered, met, since);
    }
    const [first, next] = rows.frameOf(superpixel);
    const found = met.filter((other) => {
      if (other >= first && other < next) return false;
      return covered[other] >= MIN_OVERLAP * total || this.#shareMarked(other, stamp) >= MIN_OVERLAP;
    });
    for (const other of met) covered[other] = 0;
    return found.sort((a, b) => a - b);
  }

  /** Share of a superpixel's pixels that lie in voxels marked with the stamp. */
  #shareMarked(superpixel: number, stamp: number): number {
    let total = 0;
    let marked = 0;
    const rows = this.#rows;
    rows.read(superpixel);
    for (let row = 0; row < rows.count; row++) {
      total += rows.pixels[row];
      if (this.#mark[rows.voxels[row]] === stamp) marked += rows.pixels[row];
    }
    return marked / total;
  }
}

/** The rows of every voxel, as one array of superpixel numbers cut up by `start`. */
class StaticJoin implements VoxelJoin {
  readonly #start: Uint32Array;
  /** 16 bits where the scene's numbers fit in them. */
  readonly #superpixels: Uint16Array | Uint32Array;

  constructor(rows: SuperpixelRows) {
    const { superpixels: count, voxelCount } = rows;
    const start = new Uint32Array(voxelCount + 1);
    for (let superpixel = 0; superpixel < count; superpixel++) {
      rows.read(superpixel);
      for (let row = 0; row < rows.count; row++) start[rows.voxels[row] + 1]++;
    }
    for (let voxel = 0; voxel < voxelCount; voxel++) start[voxel + 1] += start[voxel];
    const superpixels = count <= 65_536 ? new Uint16Array(rows.rows) : new Uint32Array(rows.rows);
    const next = start.slice(0, voxelCount);
    for (let superpixel = 0; superpixel < count; superpixel++) {
      rows.read(superpixel);
      for (let row = 0; row < rows.count; row++) superpixels[next[rows.voxels[row]]++] = superpixel;
    }
    this.#start = start;
    this.#superpixels = superpixels;
  }

  cover(voxel: number, pixels: number, covered: Uint32Array, met: number[], since: number): void {
    const start = this.#start[voxel];
    for (let i = this.#start[voxel + 1] - 1; i >= start; i--) {
      const other = this.#superpixels[i];
      if (other < since) return;
      if (covered[other] === 0) met.push(other);
      covered[other] += pixels;
    }
  }
}
