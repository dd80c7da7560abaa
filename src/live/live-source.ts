import type { FrameEntry, Recording } from '../sources/recording.js';

/**
 * Frames as they come, from capture devices, a growing folder or a recording played back. A frame is on disk before it is
 * told of, so that nothing told of is lost, and a frame can be read again at any time.
 */
export interface LiveSource {
  /** Its `frames` grow as frames arrive; in order of arrival, not sorted. */
  readonly recording: Recording;
  /** All of it, where that is there from the start: which frames are labelled already can be told then. */
  readonly whole?: Recording;
  /**
   * Frames in order of arrival, those of earlier runs first, each once. One is taken at a time, and a source lets its
   * devices send no more than a stated number of frames that are not taken yet. Ends when no more can come.
   */
  arrivals(): AsyncIterable<FrameEntry>;
  /** Takes no more frames; `arrivals` ends after those that are on disk. */
  close(): Promise<void>;
}

/** Why a frame was not kept. */
export type SkipReason = 'still' | 'blurred';

/** Counts of a source, since it was opened. */
export interface SourceCounts {
  /** Frames that were sent or found, good and bad. */
  readonly received: number;
  /** Frames kept. */
  readonly kept: number;
  readonly skipped: Readonly<Record<SkipReason, number>>;
  /** Frames that came again. */
  readonly repeated: number;
  /** Frames that cannot be used. */
  readonly refused: number;
}
