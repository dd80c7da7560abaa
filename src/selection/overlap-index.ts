import type { Incidences } from '../store/incidences.js';

/** Two superpixels show the same surface where this share of either one's pixels lies in voxels the other saw. */
export const MIN_OVERLAP = 0.5;

/** Superpixels of one scene are numbered in a row: frames in the order given, ids within a frame. */
interface FrameRows {
  /** Number of the frame's first superpixel. */
  readonly first: number;
  readonly rowStart: Uint32Array;
  /** Voxel id of each row. */
  readonly voxels: Uint32Array;
  /** 16 bits where they suffice, which is always but for frames taken with the lens on a wall. */
  readonly pixels: Uint16Array | Uint32Array;
}

/** Rows of every voxel, as one array of superpixel numbers cut up by `start`, and working memory for look-ups. */
interface Join {
  readonly start: Uint32Array;
  readonly superpixels: Uint32Array;
  /** By voxel: the last look-up that met it. */
  readonly mark: Uint32Array;
  /** By superpixel: pixels covered in this look-up; all zero between look-ups. */
  readonly covered: Uint32Array;
}

/**
 * Which superpixels of a scene show the same surface: a join of incidences on the voxel.
 *
 * Holds 10 bytes an incidence, 0.07 to 0.22 MB a frame; it is the only thing that grows with a scene's frames.
 */
export class OverlapIndex {
  readonly #frames: FrameRows[] = [];
  #superpixels = 0;
  #voxelCount = 0;
  #rows = 0;
  #join: Join | undefined;
  #stamp = 0;

  /** Number of superpixels of all frames added. */
  get superpixels(): number {
    return this.#superpixels;
  }

  /**
   * Adds a frame.
   * @param incidences the frame's rows
   * @param ids dense id of each of `incidences.voxels`, from the scene's voxel table
   * @returns the number of the frame's first superpixel
   */
  add(
    incidences: Pick<Incidences, 'superpixels' | 'rowStart' | 'voxel' | 'pixels'>,
    ids: Uint32Array,
  ): number {
    const { rowStart, pixels } = incidences;
    const first = this.#superpixels;
    const voxels = incidences.voxel.map((voxel) => ids[voxel]);
    this.#frames.push({
      first,
      rowStart,
      voxels,
      pixels: pixels.every((n) => n < 65_536) ? Uint16Array.from(pixels) : pixels,
    });
    this.#superpixels += incidences.superpixels;
    this.#rows += voxels.length;
    for (const id of ids) this.#voxelCount = Math.max(this.#voxelCount, id + 1);
    this.#join = undefined;
    return first;
  }

  /**
   * Superpixels of other frames that overlap the given one by at least MIN_OVERLAP either way (paper, before
   * Eq. 9), in ascending order of their numbers. Superpixels of the same frame share no pixel, hence no surface.
   */
  overlapping(superpixel: number): number[] {
    const { start, superpixels, mark, covered } = this.#joined();
    const own = this.#frameOf(superpixel);
    const stamp = ++this.#stamp;
    const met: number[] = [];
    const [from, to] = this.#rowsOf(own, superpixel);
    let total = 0;
    for (let row = from; row < to; row++) {
      const voxel = own.voxels[row];
      total += own.pixels[row];
      mark[voxel] = stamp;
      for (let i = start[voxel]; i < start[voxel + 1]; i++) {
        const other = superpixels[i];
        if (covered[other] === 0) met.push(other);
        covered[other] += own.pixels[row];
      }
    }
    const last = own.first + own.rowStart.length - 1;
    const found = met.filter((other) => {
      if (other >= own.first && other < last) return false;
      return covered[other] >= MIN_OVERLAP * total || this.#shareMarked(other, stamp) >= MIN_OVERLAP;
    });
    for (const other of met) covered[other] = 0;
    return found.sort((a, b) => a - b);
  }

  /** Share of a superpixel's pixels that lie in voxels marked with the stamp. */
  #shareMarked(superpixel: number, stamp: number): number {
    const { mark } = this.#joined();
    const frame = this.#frameOf(superpixel);
    const [from, to] = this.#rowsOf(frame, superpixel);
    let total = 0;
    let marked = 0;
    for (let row = from; row < to; row++) {
      total += frame.pixels[row];
      if (mark[frame.voxels[row]] === stamp) marked += frame.pixels[row];
    }
    return marked / total;
  }

  #rowsOf(frame: FrameRows, superpixel: number): [number, number] {
    const r = superpixel - frame.first;
    return [frame.rowStart[r], frame.rowStart[r + 1]];
  }

  #frameOf(superpixel: number): FrameRows {
    let low = 0;
    let high = this.#frames.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#frames[middle].first <= superpixel) low = middle;
      else high = middle - 1;
    }
    return this.#frames[low];
  }

  /** Made when first asked for. */
  #joined(): Join {
    if (this.#join !== undefined) return this.#join;
    const start = new Uint32Array(this.#voxelCount + 1);
    for (const frame of this.#frames) for (const voxel of frame.voxels) start[voxel + 1]++;
    for (let voxel = 0; voxel < this.#voxelCount; voxel++) start[voxel + 1] += start[voxel];
    const next = start.slice(0, this.#voxelCount);
    const superpixels = new Uint32Array(this.#rows);
    for (const frame of this.#frames)
      for (let r = 0; r < frame.rowStart.length - 1; r++)
        for (let row = frame.rowStart[r]; row < frame.rowStart[r + 1]; row++)
          superpixels[next[frame.voxels[row]]++] = frame.first + r;
    this.#join = {
      start,
      superpixels,
      mark: new Uint32Array(this.#voxelCount),
      covered: new Uint32Array(this.#superpixels),
    };
    this.#stamp = 0;
    return this.#join;
  }
}
