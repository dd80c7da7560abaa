import { frameName } from '../frame.js';
import type { FrameId } from '../tables/frame-tables.js';
import type { LiveSource } from './live-source.js';

/** Rates are means over so long, milliseconds. */
const SPAN = 10_000;
/** Latencies are of so many frames, the last ones. */
const FRAMES = 500;

interface Sample {
  readonly time: number;
  readonly received: number;
  readonly scored: number;
}

/** How fast frames come and are scored, and how long after they came. */
export class LiveStatus {
  /** Number of the last window, through all runs in the folder; 0 before the first. */
  windows = 0;
  #scored = 0;
  /** When frames came that are not scored yet, by name. */
  readonly #came = new Map<string, number>();
  /** Milliseconds of the last frames, a ring. */
  readonly #latencies = new Float64Array(FRAMES);
  #timed = 0;
  #samples: Sample[] = [];
  /** Told of each latency, milliseconds. */
  onScored: (latency: number) => void = () => {};

  /** @param now milliseconds of a clock that does not go back */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Frames that have been scored. */
  get scored(): number {
    return this.#scored;
  }

  /** Notes that a frame is on disk; of those that came twice the first counts. */
  came(frame: FrameId): void {
    const name = frameName(frame);
    if (!this.#came.has(name)) this.#came.set(name, this.now());
  }

  /** The same source, whose frames have come at the latest when they are taken. */
  follow<S extends LiveSource>(source: S): LiveSource {
    const came = (frame: FrameId) => this.came(frame);
    return {
      recording: source.recording,
      async *arrivals() {
        for await (const entry of source.arrivals()) {
          came(entry);
          yield entry;
        }
      },
      close: () => source.close(),
    };
  }

  /** Notes that a frame is in its scene. */
  arrived(frame: FrameId): void {
    const name = frameName(frame);
    const came = this.#came.get(name);
    this.#came.delete(name);
    this.#scored++;
    if (came === undefined) return;
    const latency = this.now() - came;
    this.#latencies[this.#timed++ % FRAMES] = latency;
    this.onScored(latency);
  }

  /**
   * Notes how things stand; called about once a second, for the rates.
   * @param received frames so far
   */
  sample(received: number): void {
    const time = this.now();
    this.#samples.push({ time, received, scored: this.#scored });
    while (this.#samples.length > 2 && this.#samples[1]!.time <= time - SPAN) this.#samples.shift();
  }

  /** Frames a second over the last ten. */
  get rate(): { readonly received: number; readonly scored: number } {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || first === last) return { received: 0, scored: 0 };
    const seconds = (last.time - first.time) / 1000;
    return {
      received: (last.received - first.received) / seconds,
      scored: (last.scored - first.scored) / seconds,
    };
  }

  /** Median and 95th percentile of the time from disk to scene, seconds; null where none is known. */
  get latency(): { readonly p50: number; readonly p95: number } | null {
    const known = this.#latencies.slice(0, Math.min(this.#timed, FRAMES)).sort();
    if (known.length === 0) return null;
    const quantile = (share: number) => known[Math.ceil(share * known.length) - 1]! / 1000;
    return { p50: quantile(0.5), p95: quantile(0.95) };
  }
}
