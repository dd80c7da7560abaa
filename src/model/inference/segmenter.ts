import type { Frame } from '../../frame.js';
import type { ProbabilityMap } from '../probability-map.js';

/** Turns frames into probability maps (paper, Eq. 1). */
export interface Segmenter {
  readonly classes: number;
  /** Hex digest of the network and of every option that bears on its maps; stored maps carry it. */
  readonly key: string;
  /** How many frames it works on at once; asking for more only queues them. */
  readonly concurrency: number;
  /**
   * MC dropout over one frame. The dropout masks are drawn from the seed, the scene and the frame id, so that a
   * map does not depend on which worker made it, nor when. Reads `colour` only before it first yields.
   * @throws BadFrameError where the network can give this frame no map
   */
  predict(frame: Frame): Promise<ProbabilityMap>;
  /** Ends the workers. */
  close(): Promise<void>;
}
