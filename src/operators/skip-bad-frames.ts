import { catchError, EMPTY, type MonoTypeOperatorFunction } from 'rxjs';
import { BadFrameError } from '../errors.js';

/**
 * Ends an item's stream quietly where its frame is bad, after telling `onBad`; other errors pass. For use within
 * `pull`, where each frame has a stream of its own.
 */
export function skipBadFrames<T>(onBad: (error: BadFrameError) => void): MonoTypeOperatorFunction<T> {
  return catchError((error: unknown) => {
    if (!(error instanceof BadFrameError)) throw error;
    onBad(error);
    return EMPTY;
  });
}
