import { BadFrameError } from '../errors.js';
import { type Frame, frameName, IGNORE } from '../frame.js';

/**
 * Whoever answers when regions are selected. Ground truth stands in for a person (paper, §3.4); what people draw in an
 * annotation tool comes in by the same interface.
 */
export interface Annotator {
  /** As in the labels table's column `by`. */
  readonly name: string;
  /**
   * What the annotator says of a frame; the caller takes of it the regions it asked for.
   * @returns H×W class indices, `IGNORE` where the annotator says nothing; the caller does not write to it
   * @throws BadFrameError where there is no answer for the frame
   */
  labels(frame: Frame): Uint8Array | Promise<Uint8Array>;
}

/** The recording's own labels. */
export const groundTruth: Annotator = {
  name: 'ground truth',
  labels(frame) {
    if (frame.labels === undefined) throw new BadFrameError(frameName(frame), 'has no ground truth');
    return frame.labels;
  },
};

/**
 * How many classes an annotator has to tell apart within a region (paper, Fig. 8); `IGNORE` is none.
 *
 * @param labels H×W class indices
 * @param region H×W: 1 within the region, else 0
 */
export function distinctClasses(labels: Uint8Array, region: Uint8Array): number {
  const seen = new Uint8Array(IGNORE + 1);
  for (let i = 0; i < labels.length; i++) if (region[i] !== 0) seen[labels[i]] = 1;
  let count = 0;
  for (let c = 0; c < IGNORE; c++) count += seen[c];
  return count;
}
