import type { Incidences } from './incidences.js';

/** A snapshot of a point store: one row a voxel that has pixels, sorted by x, then y, then z. */
export interface Points {
  readonly classes: number;
  /** Coordinate triples x, y, z. Length 3 N. */
  readonly voxels: Int32Array;
  /** Pixels seen in each voxel, at least 1. */
  readonly pixels: Uint32Array;
  /** Frames that saw each voxel, at least 1. */
  readonly frames: Uint32Array;
  /** N × C: Σ P × P_SCALE. */
  readonly sumP: Uint32Array;
  /** N × C: Σ −log P × LOG_SCALE. */
  readonly sumNegLog: Uint32Array;
}

/** Room for so many voxels, all zero, to be filled in order. */
export function allocatePoints(classes: number, count: number): Points {
  return {
    classes,
    voxels: new Int32Array(3 * count),
    pixels: new Uint32Array(count),
    frames: new Uint32Array(count),
    sumP: new Uint32Array(count * classes),
    sumNegLog: new Uint32Array(count * classes),
  };
}

/**
 * Scores of a frame's superpixels, each the mean over the superpixel's pixels with depth; NaN where it has none.
 * Index = superpixel id.
 */
export interface SuperpixelScores {
  /** All pixels of the superpixel. */
  readonly pixels: Uint32Array;
  /** Pixels with depth, the ones scored. */
  readonly scoredPixels: Uint32Array;
  /** Nats (paper, Eq. 3, 4 and 6). */
  readonly viewEntropy: Float32Array;
  /** Nats (paper, Eq. 5 and 7). */
  readonly viewDivergence: Float32Array;
  /** Mean number of frames that see a pixel's surface, its own included. */
  readonly views: Float32Array;
}

/** What a store knows of some voxels, in the order asked for; zero where no frame saw one. */
export type VoxelSums = Pick<Points, 'pixels' | 'frames' | 'sumP'>;

/**
 * The scene's voxels and what all frames said of each. For a surface element seen n times with distributions
 * P_1 … P_n it keeps n, Σ P and Σ log P, from which both of the paper's scores follow whatever n is.
 *
 * One store a scene. Sums are integers (fixed-point.ts): any order, any split into stores merged later, and any
 * frame removed again leave the same bits.
 */
export interface PointStore {
  readonly classes: number;
  /**
   * Adds a frame's incidences.
   * @throws BadFrameError, and changes nothing, where a sum could overflow or the classes are of another number
   */
  integrate(incidences: Incidences, name: string): Promise<void>;
  /** Subtracts a frame's incidences. @throws Error, and changes nothing, where they had not been integrated */
  remove(incidences: Incidences): Promise<void>;
  /** Adds the voxels of another store, for instance of a snapshot read back. */
  merge(points: Points): Promise<void>;
  snapshot(): Promise<Points>;
  /** @param voxels coordinate triples x, y, z */
  lookup(voxels: Int32Array): Promise<VoxelSums>;
  /** Scores the superpixels of a frame that has been integrated. */
  score(incidences: Incidences): Promise<SuperpixelScores>;
}
