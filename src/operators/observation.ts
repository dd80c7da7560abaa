import type { Frame } from '../frame.js';
import type { ProbabilityMap } from '../model/probability-map.js';
import type { Superpixels } from '../superpixels/superpixels.js';

/** A frame with what was seen in it. */
export interface Observation {
  readonly frame: Frame;
  readonly superpixels: Superpixels;
  readonly probabilities: ProbabilityMap;
}
