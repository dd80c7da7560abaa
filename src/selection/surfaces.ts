import type { OverlapIndex } from './overlap-index.js';

/** A scene's superpixels scored from all views, and which of them show the same surface. */
export interface Surfaces {
  readonly scene: string;
  /** Superpixels that may be labelled next: with depth, and less than half labelled. In ascending order of number. */
  readonly candidates: readonly SurfaceCandidate[];
  /** Superpixels of the whole scene, numbered as candidates are. */
  readonly overlaps: OverlapIndex;
}

export interface SurfaceCandidate {
  /** In the overlap index. */
  readonly number: number;
  readonly frame: string;
  /** Superpixel id within its frame. */
  readonly superpixel: number;
  /** Its pixels that are not labelled, at least 1. */
  readonly pixels: number;
  /** Its pixels with depth, which the scores average; at least 1. */
  readonly scoredPixels: number;
  /** Nats (paper, Eq. 6). */
  readonly viewEntropy: number;
  /** Nats (paper, Eq. 7). */
  readonly viewDivergence: number;
  /** Mean of its own pixels' distributions, one value a class. */
  readonly meanP: Float32Array;
}
