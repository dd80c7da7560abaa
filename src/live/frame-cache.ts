import type { CpuPointStore, IntegratedFrame } from '../store/cpu-point-store.js';
import type { Incidences } from '../store/incidences.js';

/** Incidences that are kept in memory, bytes; a frame of 320×240 at 2 cm and 13 classes has 1 to 3 MB. */
const MOST_BYTES = 512 * 2 ** 20;

/** Incidences of the frames that were asked for last; the others are read again from the run folder. */
export class FrameCache {
  /** In order of last use. */
  readonly #kept = new Map<string, { readonly frame: IntegratedFrame; readonly bytes: number }>();
  #bytes = 0;

  constructor(private readonly most = MOST_BYTES) {}

  /** @param read reads the frame's incidences */
  async get(key: string, store: CpuPointStore, read: () => Promise<Incidences>): Promise<IntegratedFrame> {
    const known = this.#kept.get(key);
    if (known === undefined) {
      const incidences = await read();
      return this.put(key, { incidences, ids: store.idsOf(incidences) });
    }
    this.#kept.delete(key);
    this.#kept.set(key, known);
    return known.frame;
  }

  put(key: string, frame: IntegratedFrame): IntegratedFrame {
    this.delete(key);
    const bytes = sizeOf(frame);
    this.#kept.set(key, { frame, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.most) break;
      this.delete(oldest);
    }
    return frame;
  }

  delete(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }
}

function sizeOf({ incidences, ids }: IntegratedFrame): number {
  const arrays = [...Object.values(incidences), ids].filter(ArrayBuffer.isView);
  return arrays.reduce((total, { byteLength }) => total + byteLength, 0);
}
