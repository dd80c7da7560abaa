import type { Frame } from '../../frame.js';
import type { GpuProbabilityMap, ProbabilityMap } from '../probability-map.js';

/** Turns frames into probability maps (paper, Eq. 1), and into features to compare them by. */
export interface Segmenter {
  readonly classes: number;
  /** Hex digest of the network and of every option that bears on its maps; stored maps carry it. */
  readonly key: string;
  /** How many frames it works on at once; asking for more only queues them. */
  readonly concurrency: number;
  /**
   * MC dropout over one frame. The dropout masks are drawn from the seed, the scene and the frame id, so that a
   * map does not depend on which worker made it, nor when. With no draws, the map of one pass with dropout off. Reads
   * `colour` only before it first yields.
   * @throws BadFrameError where the network can give this frame no map
   */
  predict(frame: Frame): Promise<ProbabilityMap>;
  /**
   * As `predict`, but the map stays on the GPU, in single precision: for `GpuBinner`. Resolves when its making is
   * submitted. Segmenters that are not on WebGPU lack it.
   * @throws GpuError where the GPU was lost or its memory does not do
   */
  predictOnGpu?(frame: Frame): Promise<GpuProbabilityMap>;
  /**
   * The decoder's last feature maps, dropout off, averaged over all pixels: one value a channel, 64 of the slim head
   * and 256 of the full one. Reads `colour` only before it first yields.
   * @throws UserError if the network is a TensorFlow.js model, whose decoder nobody knows
   */
  describe(frame: Frame): Promise<Float32Array>;
  /** Ends the workers, or gives back what it holds of the GPU, which stays open. */
  close(): Promise<void>;
}
