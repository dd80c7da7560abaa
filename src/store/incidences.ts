/**
 * A frame's pixels with depth, grouped by superpixel and voxel. A row is an *incidence*.
 *
 * Rows are sorted by superpixel; within a superpixel they stand in the order in which a raster scan of the frame
 * first meets them, so they do not depend on anything but the frame.
 */
export interface IncidenceKeys {
  /** Number of superpixels of the frame, R. */
  readonly superpixels: number;
  /** All pixels of each superpixel, with depth or without. Length R. */
  readonly superpixelPixels: Uint32Array;
  /** Rows of superpixel r are rowStart[r] (inclusive) to rowStart[r + 1] (exclusive). Length R + 1. */
  readonly rowStart: Uint32Array;
  /** Index of each row's voxel into `voxels`. */
  readonly voxel: Uint32Array;
  /** Pixels in each row, at least 1. */
  readonly pixels: Uint32Array;
  /** The frame's distinct voxels, in order of first appearance: coordinate triples x, y, z. Length 3 V. */
  readonly voxels: Int32Array;
  /**
   * For each of `voxels`, which neighbour lies one voxel further along the frame's viewing ray, as a code that
   * `rayOffset` reads; the neighbour one voxel nearer lies opposite. Length V.
   */
  readonly rays: Uint8Array;
}

/**
 * What one frame tells the point store. Everything after inference — the store, both scores, overlap, rescoring, the
 * spread of labels — is computed from these rows alone (docs/method.md). Sums are fixed-point (fixed-point.ts).
 */
export interface Incidences extends IncidenceKeys {
  readonly classes: number;
  /** rows × C: Σ P × P_SCALE. */
  readonly sumP: Uint32Array;
  /** rows × C: Σ −log P × LOG_SCALE. */
  readonly sumNegLog: Uint32Array;
  /** rows: Σ Σ_c −P log P × ENTROPY_SCALE. */
  readonly sumEntropy: Uint32Array;
}

/**
 * Code of the neighbour that a ray meets one voxel on.
 * @param x direction of the ray, any length but 0; likewise y, z
 * @returns 0 to 26: (i + 1) · 9 + (j + 1) · 3 + (k + 1) for the neighbour at offset i, j, k
 */
export function rayCode(x: number, y: number, z: number): number {
  const length = Math.sqrt(x * x + y * y + z * z);
  const step = (d: number) => (d > 0.5 * length ? 2 : d < -0.5 * length ? 0 : 1);
  return 9 * step(x) + 3 * step(y) + step(z);
}

/** Offset of the neighbour with this code along axis 0, 1 or 2: −1, 0 or 1. */
export function rayOffset(code: number, axis: 0 | 1 | 2): number {
  return (Math.trunc(code / (axis === 0 ? 9 : axis === 1 ? 3 : 1)) % 3) - 1;
}
