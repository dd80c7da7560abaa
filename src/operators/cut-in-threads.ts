import { mergeMap, type OperatorFunction } from 'rxjs';
import type { Frame } from '../frame.js';
import type { SuperpixelPool } from '../superpixels/superpixel-pool.js';
import type { Superpixels } from '../superpixels/superpixels.js';

/**
 * As `cutSuperpixels`, in threads; results come in order of completion. The pool is asked for at the first frame, and
 * stays the caller's to close.
 */
export function cutInThreads(pool: () => SuperpixelPool): OperatorFunction<Frame, Superpixels> {
  return mergeMap((frame) => pool().cut(frame));
}
