import type { FrameId } from '../tables/frame-tables.js';
import type { WindowRow } from '../tables/schemas.js';

/** What happened in a live run. */
export type LiveEvent = LiveFrame | LiveWindow;

/** A frame is in its scene, or has been looked at anew by another network. */
export interface LiveFrame extends FrameId {
  readonly type: 'frame';
  /** Key of the network that looked at it. */
  readonly model: string;
}

/** What was picked at the end of a window, best first; never empty. */
export interface LiveWindow {
  readonly type: 'window';
  /** From 1, through all runs in the folder. */
  readonly window: number;
  readonly rows: readonly WindowRow[];
}
