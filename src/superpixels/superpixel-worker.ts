import { parentPort } from 'node:worker_threads';
import type { Size } from '../frame.js';
import { type SeedsOptions, seeds } from './seeds.js';
import type { Superpixels } from './superpixels.js';

export interface CutRequest extends Size {
  /** H×W×3. */
  readonly colour: Uint8Array<ArrayBuffer>;
  readonly options: SeedsOptions;
}

/** `ready` once, then the superpixels of every request, in order, or why they cannot be cut. */
export type CutReply = 'ready' | Superpixels | { readonly message: string };

// A module with top-level effects, meant only to be a worker's entry: it exports types and nothing else.
const port = parentPort!;

port.on('message', ({ colour, options, ...size }: CutRequest) => {
  try {
    const superpixels = seeds(colour, size, options);
    port.postMessage(superpixels satisfies CutReply, [superpixels.ids.buffer as ArrayBuffer]);
  } catch (error) {
    port.postMessage({ message: (error as Error).message } satisfies CutReply);
  }
});
port.postMessage('ready' satisfies CutReply);
