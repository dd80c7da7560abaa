import type { FrameId } from '../tables/frame-tables.js';

/** How long a superpixel may be asked for after its frame came: so many milliseconds, or so many frames. */
export type HorizonLength =
  | { readonly by: 'time'; readonly milliseconds: number }
  | { readonly by: 'frames'; readonly frames: number };

/** Which frames have come so long ago that they are asked for no more; with windows shorter than the horizon, windows slide. */
export class Horizon {
  /** In order of arrival. */
  readonly #frames: { readonly frame: FrameId; readonly time: number }[] = [];
  #count = 0;

  constructor(private readonly length: HorizonLength) {}

  /** @param time milliseconds; a clock that goes back makes no frame older */
  add(frame: FrameId, time: number): void {
    this.#count++;
    this.#frames.push({ frame, time });
  }

  /** Frames that have fallen behind the horizon since the last call, by scene. */
  takeExpired(now: number): Map<string, string[]> {
    const { length } = this;
    const oldest = this.#count - this.#frames.length;
    let count = 0;
    while (count < this.#frames.length) {
      const age =
        length.by === 'time'
          ? now - this.#frames[count].time - length.milliseconds
          : this.#count - (oldest + count) - length.frames;
      if (age <= 0) break;
      count++;
    }
    const expired = new Map<string, string[]>();
    for (const { frame } of this.#frames.splice(0, count))
      expired.set(frame.scene, [...(expired.get(frame.scene) ?? []), frame.id]);
    return expired;
  }
}
