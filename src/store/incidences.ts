/**
 * What one frame tells the point store: its pixels with depth, grouped by superpixel and voxel. A row is an
 * *incidence*. Everything after inference — the store, both scores, overlap, rescoring, the spread of labels —
 * is computed from these rows alone (docs/method.md).
 *
 * Rows are sorted by superpixel; within a superpixel they stand in the order in which a raster scan of the frame
 * first meets them, so they do not depend on anything but the frame. Sums are fixed-point (fixed-point.ts).
 */
export interface Incidences {
  readonly classes: number;
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
  /** rows × C: Σ P × P_SCALE. */
  readonly sumP: Uint32Array;
  /** rows × C: Σ −log P × LOG_SCALE. */
  readonly sumNegLog: Uint32Array;
  /** rows: Σ Σ_c −P log P × ENTROPY_SCALE. */
  readonly sumEntropy: Uint32Array;
  /** The frame's distinct voxels, in order of first appearance: coordinate triples x, y, z. Length 3 V. */
  readonly voxels: Int32Array;
}
