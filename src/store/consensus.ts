import { P_SCALE } from './fixed-point.js';
import type { Footprint } from './footprint.js';
import type { PointStore } from './point-store.js';

/** What all views of a scene together say of one frame's pixels; H×W each. */
export interface Consensus {
  /** Frames that see the pixel's voxel, its own included; 0 without depth. */
  readonly views: Uint16Array;
  /** Most probable class of the voxel's mean distribution Q (Eq. 3), the first of equals; 0 without depth. */
  readonly label: Uint8Array;
  /** Its probability; 0 without depth. */
  readonly confidence: Float32Array;
}

/**
 * Asks the store what all frames say of a frame's pixels: its voxels' mean distributions Q = Σ P / n (Eq. 3), without
 * the neighbours along the ray that scores look at. A voxel that no frame of the store saw counts as no depth; frames
 * past 65 535 are not counted.
 */
export async function consensusOf(
  store: Pick<PointStore, 'classes' | 'lookup'>,
  { rowOfPixel, voxel, voxels }: Pick<Footprint, 'rowOfPixel' | 'voxel' | 'voxels'>,
): Promise<Consensus> {
  const C = store.classes;
  const { pixels, frames, sumP } = await store.lookup(voxels);
  const best = new Uint8Array(pixels.length);
  const probability = new Float32Array(pixels.length);
  for (let v = 0, at = 0; v < pixels.length; v++, at += C) {
    if (pixels[v] === 0) continue;
    for (let c = 1; c < C; c++) if (sumP[at + c] > sumP[at + best[v]]) best[v] = c;
    probability[v] = sumP[at + best[v]] / (pixels[v] * P_SCALE);
  }
  const size = rowOfPixel.length;
  const consensus = {
    views: new Uint16Array(size),
    label: new Uint8Array(size),
    confidence: new Float32Array(size),
  };
  for (let i = 0; i < size; i++) {
    if (rowOfPixel[i] < 0) continue;
    const v = voxel[rowOfPixel[i]];
    consensus.views[i] = Math.min(frames[v], 0xffff);
    consensus.label[i] = best[v];
    consensus.confidence[i] = probability[v];
  }
  return consensus;
}
