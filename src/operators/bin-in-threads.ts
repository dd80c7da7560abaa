import { mergeMap, type OperatorFunction } from 'rxjs';
import type { BinningPool } from '../store/binning-pool.js';
import { type BinnedFrame, frameInfo } from '../tables/frame-tables.js';
import type { Observation } from './observation.js';

/**
 * As `bin`, in threads; results come in order of completion. The pool is asked for at the first frame, and stays the
 * caller's to close.
 */
export function binInThreads(pool: () => BinningPool): OperatorFunction<Observation, BinnedFrame> {
  return mergeMap(async ({ frame, superpixels, probabilities }) => ({
    scene: frame.scene,
    id: frame.id,
    info: frameInfo(frame),
    incidences: await pool().bin(frame, superpixels, probabilities),
  }));
}
