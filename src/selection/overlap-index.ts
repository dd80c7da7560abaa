import type { Incidences } from '../store/incidences.js';

/** Two superpixels show the same surface where this share of either one's pixels lies in voxels the other saw. */
export const MIN_OVERLAP = 0.5;

/** Superpixels of one scene are numbered in a row: frames in the order given, ids within a frame. */
interface FrameRows {
  /** Number of the frame's first superpixel. */
  readonly first: number;
  /** Rows of superpixel r are bytes start[r] (inclusive) to start[r + 1] (exclusive) of `rows`. */
  readonly start: Uint32Array;
  /**
   * Rows as varints, seven bits a byte, low ones first: the voxel id's difference from the row before in zigzag form,
   * then the pixels. Neighbouring rows are neighbouring voxels and were mostly numbered together, so a row takes
   * two to three bytes instead of eight.
   */
  readonly rows: Uint8Array;
}

/** Rows of every voxel, as one array of superpixel numbers cut up by `start`, and working memory for look-ups. */
interface Join {
  readonly start: Uint32Array;
  /** 16 bits where the scene's numbers fit in them. */
  readonly superpixels: Uint16Array | Uint32Array;
  /** By voxel: the last look-up that met it. */
  readonly mark: Uint32Array;
  /** By superpixel: pixels covered in this look-up; all zero between look-ups. */
  readonly covered: Uint32Array;
}

/**
 * Which superpixels of a scene show the same surface: a join of incidences on the voxel.
 *
 * Holds 4 to 7 bytes an incidence, 0.03 to 0.2 MB a frame: what a scene's frames cost in memory beside the surface they show.
 */
export class OverlapIndex {
  readonly #frames: FrameRows[] = [];
  #superpixels = 0;
  #voxelCount = 0;
  #rows = 0;
  #join: Join | undefined;
  #stamp = 0;
  readonly #decoded = new DecodedRows();

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
    const first = this.#superpixels;
    this.#frames.push({ first, ...encodeRows(incidences, ids) });
    this.#superpixels += incidences.superpixels;
    this.#rows += incidences.voxel.length;
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
    let total = 0;
    const rows = this.#decoded;
    rows.decode(own, superpixel);
    for (let row = 0; row < rows.count; row++) {
      const voxel = rows.voxels[row];
      const pixels = rows.pixels[row];
      total += pixels;
      mark[voxel] = stamp;
      for (let i = start[voxel]; i < start[voxel + 1]; i++) {
        const other = superpixels[i];
        if (covered[other] === 0) met.push(other);
        covered[other] += pixels;
      }
    }
    const last = own.first + own.start.length - 1;
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
    let total = 0;
    let marked = 0;
    const rows = this.#decoded;
    rows.decode(this.#frameOf(superpixel), superpixel);
    for (let row = 0; row < rows.count; row++) {
      total += rows.pixels[row];
      if (mark[rows.voxels[row]] === stamp) marked += rows.pixels[row];
    }
    return marked / total;
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
    const rows = this.#decoded;
    for (const frame of this.#frames)
      for (let r = 0; r < frame.start.length - 1; r++) {
        rows.decode(frame, frame.first + r);
        for (let row = 0; row < rows.count; row++) start[rows.voxels[row] + 1]++;
      }
    for (let voxel = 0; voxel < this.#voxelCount; voxel++) start[voxel + 1] += start[voxel];
    const superpixels =
      this.#superpixels <= 65_536 ? new Uint16Array(this.#rows) : new Uint32Array(this.#rows);
    const next = start.slice(0, this.#voxelCount);
    for (const frame of this.#frames)
      for (let r = 0; r < frame.start.length - 1; r++) {
        rows.decode(frame, frame.first + r);
        for (let row = 0; row < rows.count; row++) superpixels[next[rows.voxels[row]]++] = frame.first + r;
      }
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

function encodeRows(
  { superpixels, rowStart, voxel, pixels }: Pick<Incidences, 'superpixels' | 'rowStart' | 'voxel' | 'pixels'>,
  ids: Uint32Array,
): Pick<FrameRows, 'start' | 'rows'> {
  const start = new Uint32Array(superpixels + 1);
  // Two numbers of at most 33 and 32 bits: ten bytes a row, cut to what was used.
  const bytes = new Uint8Array(10 * voxel.length);
  let at = 0;
  const write = (value: number) => {
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) bytes[at++] = 128 | (rest % 128);
    bytes[at++] = rest;
  };
  for (let r = 0; r < superpixels; r++) {
    let last = 0;
    for (let row = rowStart[r]; row < rowStart[r + 1]; row++) {
      const id = ids[voxel[row]];
      const difference = id - last;
      write(difference < 0 ? -2 * difference - 1 : 2 * difference);
      write(pixels[row]);
      last = id;
    }
    start[r + 1] = at;
  }
  return { start, rows: bytes.slice(0, at) };
}

/** Rows of one superpixel, decoded; reused from one superpixel to the next. */
class DecodedRows {
  count = 0;
  voxels = new Uint32Array(1024);
  pixels = new Uint32Array(1024);

  decode({ first, start, rows }: FrameRows, superpixel: number): void {
    const end = start[superpixel - first + 1];
    let at = start[superpixel - first];
    // A row takes two bytes or more.
    if (this.voxels.length < (end - at) / 2) {
      this.voxels = new Uint32Array(end - at);
      this.pixels = new Uint32Array(end - at);
    }
    let count = 0;
    let voxel = 0;
    while (at < end) {
      let zigzag = rows[at++];
      for (let unit = 128, byte = zigzag; byte > 127; unit *= 128) {
        byte = rows[at++];
        zigzag += (byte - 1) * unit;
      }
      let pixels = rows[at++];
      for (let unit = 128, byte = pixels; byte > 127; unit *= 128) {
        byte = rows[at++];
        pixels += (byte - 1) * unit;
      }
      voxel += zigzag % 2 === 1 ? -(zigzag + 1) / 2 : zigzag / 2;
      this.voxels[count] = voxel;
      this.pixels[count++] = pixels;
    }
    this.count = count;
  }
}
