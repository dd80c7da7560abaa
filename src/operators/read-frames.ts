import { concatMap, type OperatorFunction } from 'rxjs';
import type { Frame, Size } from '../frame.js';
import type { FrameEntry, Recording } from '../sources/recording.js';

/**
 * Decodes frames of a recording, one at a time and in order.
 * Errors with BadFrameError at a frame that cannot be used; see `skipBadFrames`.
 */
export function readFrames(recording: Recording, size: Size): OperatorFunction<FrameEntry, Frame> {
  return concatMap((entry) => recording.read(entry, size));
}
