import type { CpuPointStore, FrameShare } from '../store/cpu-point-store.js';
import type { Incidences } from '../store/incidences.js';

/** Shares of frames that are kept in memory, bytes; a frame of 320×240 at 2 cm and 13 classes has 2 to 4 MB. */
const MOST_BYTES = 512 * 2 ** 20;

/** What divergence needs of frames, those that were asked for last; the others are read again from the run folder. */
export class ShareCache {
  /** In order of last use. */
  readonly #kept = new Map<string, { readonly share: FrameShare; readonly bytes: number }>();
  #bytes = 0;

  constructor(private readonly most = MOST_BYTES) {}

  /** @param read reads the frame's incidences */
  async get(key: string, store: CpuPointStore, read: () => Promise<Incidences>): Promise<FrameShare> {
    const known = this.#kept.get(key);
    if (known === undefined) return this.put(key, store.shareOf(await read()));
    this.#kept.delete(key);
    this.#kept.set(key, known);
    return known.share;
  }

  put(key: string, share: FrameShare): FrameShare {
    this.delete(key);
    const bytes = sizeOf(share);
    this.#kept.set(key, { share, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.most) break;
      this.delete(oldest);
    }
    return share;
  }

  delete(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }
}

function sizeOf({ incidences, ids, pixels, negLog }: FrameShare): number {
  const arrays = [...Object.values(incidences), ids, pixels, negLog].filter(ArrayBuffer.isView);
  return arrays.reduce((total, { byteLength }) => total + byteLength, 0);
}
