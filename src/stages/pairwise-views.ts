import type { View } from '../geometry/pairwise.js';
import { probabilityTable } from '../tables/frame-tables.js';
import type { FrameRow } from '../tables/schemas.js';
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
export async function pairwiseViews(
  run: Run,
  scene: ObservedScene,
  frames: readonly FrameRow[],
): Promise<PairwiseViews> {
  const probabilities = probabilityTable(run.folder);
  const entries = new Map(scene.entries.map((entry) => [entry.id, entry]));
  const kept = new Map<string, View>();
  let bytes = 0;

  const read = async (row: FrameRow): Promise<View> => {
    const found = kept.get(row.frame);
    if (found !== undefined) return found;
    const frame = await run.recording.read(entries.get(row.frame)!, run.size);
    const map = await probabilities.read({ scene: row.scene, id: row.frame });
    if (map === undefined) throw new Error(`the probabilities of ${row.scene}/${row.frame} have gone`);
    const { width, height, depth, intrinsics, cameraToWorld } = frame;
    // A map dropped in by the user may not say its size.
    const view = {
      frame: { width, height, depth, intrinsics, cameraToWorld },
      probabilities: { ...map, width, height },
    };
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
