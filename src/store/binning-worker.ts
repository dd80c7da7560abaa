import { parentPort } from 'node:worker_threads';
import { BadFrameError } from '../errors.js';
import type { ProbabilityMap } from '../model/probability-map.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import { sumIncidences } from './bin.js';
import { footprintOf, type PlacedFrame } from './footprint.js';
import type { Incidences } from './incidences.js';

export interface BinningRequest {
  readonly frame: PlacedFrame;
  readonly superpixels: Superpixels;
  readonly probabilities: ProbabilityMap;
  /** Metres. */
  readonly voxelSize: number;
}

/** `ready` once, then the incidences of every request, in order, or why there are none. */
export type BinningReply = 'ready' | Incidences | { readonly message: string; readonly isBadFrame: boolean };

// A module with top-level effects, meant only to be a worker's entry: it exports types and nothing else.
const port = parentPort!;

port.on('message', ({ frame, superpixels, probabilities, voxelSize }: BinningRequest) => {
  try {
    const incidences = sumIncidences(footprintOf(frame, superpixels, voxelSize), probabilities);
    const arrays = Object.values(incidences).filter((value) => ArrayBuffer.isView(value));
    port.postMessage(
      incidences satisfies BinningReply,
      arrays.map(({ buffer }) => buffer as ArrayBuffer),
    );
  } catch (error) {
    const isBadFrame = error instanceof BadFrameError;
    const message = isBadFrame ? error.reason : (error as Error).message;
    port.postMessage({ message, isBadFrame } satisfies BinningReply);
  }
});
port.postMessage('ready' satisfies BinningReply);
