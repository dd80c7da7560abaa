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

/** The scene's depths, poses and probability maps, for exact reprojection. */
export function pairwiseViews(run: Run, scene: ObservedScene, frames: readonly FrameRow[]): PairwiseViews {
  const entries = new Map(scene.entries.map((entry) => [entry.id, entry]));
  const kept = new Map<string, View>();
  let bytes = 0;

  const read = async (row: FrameRow): Promise<View> => {
    const found = kept.get(row.frame);
    if (found !== undefined) return found;
    const frame = await run.recording.read(entries.get(row.frame)!, run.size);
    const map = await storedProbabilities(
      run,
      { scene: row.scene, id: row.frame },
      scene.keys.frames.get(row.frame)!,
    );
    if (map === undefined) throw new Error(`the probabilities of ${row.scene}/${row.frame} have gone`);
    const { width, height, depth, intrinsics, cameraToWorld } = frame;
    const view = { frame: { width, height, depth, intrinsics, cameraToWorld }, probabilities: map };
    bytes += depth.byteLength + map.data.byteLength;
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
