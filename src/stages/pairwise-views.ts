import type { View } from '../geometry/pairwise.js';
import type { FrameRow } from '../tables/schemas.js';
import { storedProbabilities } from './origins.js';
import type { Run } from './run.js';
import type { ObservedScene } from './scene.js';

/** Views kept in memory; the others of a larger scene are read again whenever they are needed. */
const MAX_BYTES = 2 ** 30;

export interface PairwiseViews {
  of(frame: FrameRow): Promise<View>;
  /** All views of the scene but one, one at a time. */
  others(frame: FrameRow): AsyncIterable<View>;
}

/** Reads a frame's depth, pose and probability map. */
export type ReadView = (frame: FrameRow) => Promise<View>;

/** How to read the scene's views, for exact reprojection. */
export function viewReader(run: Run, scene: ObservedScene): ReadView {
  const entries = new Map(scene.entries.map((entry) => [entry.id, entry]));
  return async (row) => {
    const frame = await run.recording.read(entries.get(row.frame)!, run.size);
    const map = await storedProbabilities(
      run,
      { scene: row.scene, id: row.frame },
      scene.keys.frames.get(row.frame)!,
    );
    if (map === undefined) throw new Error(`the probabilities of ${row.scene}/${row.frame} have gone`);
    const { width, height, depth, intrinsics, cameraToWorld } = frame;
    return { frame: { width, height, depth, intrinsics, cameraToWorld }, probabilities: map };
  };
}

/** The scene's views, as many of them kept as memory is meant for. */
export function pairwiseViews(readView: ReadView, frames: readonly FrameRow[]): PairwiseViews {
  const kept = new Map<string, View>();
  let bytes = 0;

  const read = async (row: FrameRow): Promise<View> => {
    const found = kept.get(row.frame);
    if (found !== undefined) return found;
    const view = await readView(row);
    bytes += view.frame.depth.byteLength + view.probabilities.data.byteLength;
    if (bytes <= MAX_BYTES) kept.set(row.frame, view);
    return view;
  };

  return {
    of: read,
    async *others(frame) {
      for (const other of frames) if (other.frame !== frame.frame) yield await read(other);
    },
  };
}
