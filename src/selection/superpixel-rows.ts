import type { Incidences } from '../store/incidences.js';

/** What of a frame's incidences says where its superpixels lie. */
export type Places = Pick<Incidences, 'superpixels' | 'rowStart' | 'voxel' | 'pixels'>;

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

/** The incidences of a scene's superpixels, voxel ids and pixels alone. */
export class SuperpixelRows {
  readonly #frames: FrameRows[] = [];
  /** Number of superpixels of all frames added. */
  superpixels = 0;
  /** Rows of all of them. */
  rows = 0;
  /** One more than the largest voxel id. */
  voxelCount = 0;
  /** The rows that `read` read last: the first `count` of each. */
  count = 0;
  voxels = new Uint32Array(1024);
  pixels = new Uint32Array(1024);

  /** Of memory that it holds. */
  get bytes(): number {
    return this.#frames.reduce((sum, { start, rows }) => sum + start.byteLength + rows.byteLength, 0);
  }

  /**
   * @param ids the scene's id of each of the frame's voxels
   * @returns the number of the frame's first superpixel
   */
  add(places: Places, ids: Uint32Array): number {
    const first = this.superpixels;
    this.#frames.push({ first, ...encode(places, ids) });
    this.superpixels += places.superpixels;
    this.rows += places.voxel.length;
    for (const id of ids) this.voxelCount = Math.max(this.voxelCount, id + 1);
    return first;
  }

  /** Numbers of the first superpixel of the given one's frame and of the next frame. */
  frameOf(superpixel: number): readonly [first: number, next: number] {
    const { first, start } = frameOf(this.#frames, superpixel);
    return [first, first + start.length - 1];
  }

  /** Reads a superpixel's rows into `voxels` and `pixels`. */
  read(superpixel: number): void {
    const { first, start, rows } = frameOf(this.#frames, superpixel);
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

/** The frame of a superpixel, by number. @param frames in the order of their first superpixels' numbers */
export function frameOf<T extends { readonly first: number }>(frames: readonly T[], superpixel: number): T {
  let low = 0;
  let high = frames.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (frames[middle].first <= superpixel) low = middle;
    else high = middle - 1;
  }
  return frames[low];
}

function encode(
  { superpixels, rowStart, voxel, pixels }: Places,
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
