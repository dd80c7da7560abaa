import { BadFrameError, UserError } from '../errors.js';
import { frameName } from '../frame.js';
import type { BadEntry, FrameEntry, Recording } from '../sources/recording.js';
import { type Clock, systemClock } from './clock.js';
import { KeyframeGate } from './keyframes.js';
import type { LiveSource, SkipReason, SourceCounts } from './live-source.js';
import { shadesOf } from './sharpness.js';

export interface PlaybackOptions {
  /** Seconds of the recording a second; `Infinity` = as fast as frames are taken. */
  readonly rate?: number;
  /** Frames a second of a recording that has no clock, at rate 1. */
  readonly fps?: number;
  /** Decides which frames are told of; its defaults if undefined. */
  readonly gate?: KeyframeGate;
  /** Frames told of in earlier runs, as `scene/id`: they come first, in that order, at once, and are not judged again. */
  readonly earlier?: readonly string[];
  readonly clock?: Clock;
}

/** The size at which frames are judged. */
const SMALL = { width: 320, height: 240 };
/** How many frames' times are looked up at once. */
const LOOKUPS = 64;

/**
 * Reads a rate as it is given to `--rate`: `1x`, `0.5x`, or `max` for as fast as frames are taken.
 * @throws UserError where it is none of these
 */
export function parseRate(text: string): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const rate = /^\d+(\.\d+)?x$/.test(text) ? Number.parseFloat(text) : 0;
  if (rate > 0) return rate;
  throw new UserError(`There is no rate "${text}": expected 1x, 2x, 0.5x and the like, or max.`);
}

/** A frame and when it is due, in seconds of the recording since its start. */
interface Due {
  readonly entry: FrameEntry;
  readonly at: number;
}

/**
 * A recording as if it were live: a frame is told of when it is due, and not before.
 *
 * Frames are due at their timestamps. Scenes whose times overlap were recorded at once and are played at once; others
 * follow each other, and the hours in between are left out. Without a clock, scenes follow each other at a number of frames a second.
 *
 * It never runs ahead: a frame is looked at when it is asked for. Where frames are asked for more slowly than they are
 * due, none is dropped; it runs late, says by how much, and catches up as soon as it can.
 */
export class PlaybackSource implements LiveSource {
  readonly recording: Recording;
  readonly whole: Recording;
  readonly #rate: number;
  readonly #fps: number;
  readonly #gate: KeyframeGate;
  readonly #earlier: readonly string[];
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #told: FrameEntry[] = [];
  readonly #bad: BadEntry[];
  #received = 0;
  #refused = 0;
  readonly #skipped: Record<SkipReason, number> = { still: 0, blurred: 0 };
  #late = 0;
  #latest = 0;

  constructor(recording: Recording, options: PlaybackOptions = {}) {
    const { rate = 1, fps = 30, gate = new KeyframeGate(), earlier = [], clock = systemClock } = options;
    this.whole = recording;
    this.#rate = rate;
    this.#fps = fps;
    this.#gate = gate;
    this.#earlier = earlier;
    this.#clock = clock;
    this.#bad = [...recording.bad];
    this.recording = { ...recording, frames: this.#told, bad: this.#bad };
  }

  get counts(): SourceCounts {
    return {
      received: this.#received,
      kept: this.#told.length,
      skipped: { ...this.#skipped },
      repeated: 0,
      refused: this.#refused,
    };
  }

  /** Seconds by which the newest frame was asked for after it was due, and the most there were of any. */
  get late(): { readonly now: number; readonly most: number } {
    return { now: this.#late, most: this.#latest };
  }

  /** To be called once. */
  async *arrivals(): AsyncIterable<FrameEntry> {
    const known = new Map(this.whole.frames.map((entry) => [frameName(entry), entry]));
    for (const name of this.#earlier) {
      const entry = known.get(name);
      if (entry === undefined || this.#closing.signal.aborted) continue;
      known.delete(name);
      if (await this.#isWanted(entry, true)) yield this.#tell(entry);
    }
    const schedule = await this.#schedule([...known.values()]);
    const start = this.#clock.now();
    const first = schedule[0]?.at ?? 0;
    for (const { entry, at } of schedule) {
      const due = start + (at - first) / this.#rate;
      const wait = due - this.#clock.now();
      if (wait > 0) await this.#clock.sleep(wait, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      this.#late = Number.isFinite(this.#rate) ? Math.max(0, -wait) : 0;
      this.#latest = Math.max(this.#latest, this.#late);
      if (await this.#isWanted(entry, false)) yield this.#tell(entry);
    }
  }

  /** Ends `arrivals` with the frame in hand. */
  async close(): Promise<void> {
    this.#closing.abort();
  }

  #tell(entry: FrameEntry): FrameEntry {
    this.#told.push(entry);
    return entry;
  }

  /** Judges a frame, and counts it. */
  async #isWanted(entry: FrameEntry, before: boolean): Promise<boolean> {
    this.#received++;
    const recording = this.whole;
    try {
      const cameraToWorld = await (recording.readPose?.(entry) ??
        recording.read(entry, SMALL).then((frame) => frame.cameraToWorld));
      const grey = async () => shadesOf((await recording.read(entry, SMALL)).colour, SMALL);
      const candidate = { scene: entry.scene, cameraToWorld, grey };
      const reason = before ? undefined : await this.#gate.judge(candidate);
      if (reason === undefined) this.#gate.keep(candidate);
      else this.#skipped[reason]++;
      return reason === undefined;
    } catch (error) {
      this.#refuse(entry, error);
      return false;
    }
  }

  #refuse({ scene, id }: FrameEntry, error: unknown): void {
    if (!(error instanceof BadFrameError)) throw error;
    this.#refused++;
    this.#bad.push({ scene, id, file: error.file, reason: error.reason });
  }

  async #schedule(entries: readonly FrameEntry[]): Promise<Due[]> {
    const { readTime } = this.whole;
    if (readTime === undefined) return entries.map((entry, i) => ({ entry, at: i / this.#fps }));
    const timed: Due[] = [];
    for (let start = 0; start < entries.length; start += LOOKUPS) {
      const some = entries.slice(start, start + LOOKUPS);
      const times = await Promise.allSettled(some.map((entry) => readTime.call(this.whole, entry)));
      times.forEach((time, i) => {
        if (time.status === 'fulfilled') timed.push({ entry: some[i]!, at: time.value });
        else {
          this.#received++;
          this.#refuse(some[i]!, time.reason);
        }
      });
    }
    return withoutGaps(timed, 1 / this.#fps);
  }
}

/**
 * Orders frames by time, and leaves out the gaps in which no scene was being recorded.
 * @param pause seconds between the last frame before a gap and the first one after it
 */
export function withoutGaps(frames: readonly Due[], pause: number): Due[] {
  const spans = new Map<string, { begin: number; end: number }>();
  for (const { entry, at } of frames) {
    const span = spans.get(entry.scene);
    if (span === undefined) spans.set(entry.scene, { begin: at, end: at });
    else {
      span.begin = Math.min(span.begin, at);
      span.end = Math.max(span.end, at);
    }
  }
  /** Stretches of time that scenes cover, in order, and how much earlier each is played. */
  const stretches: { begin: number; end: number; shift: number }[] = [];
  for (const { begin, end } of [...spans.values()].sort((a, b) => a.begin - b.begin)) {
    const last = stretches.at(-1);
    if (last !== undefined && begin <= last.end) last.end = Math.max(last.end, end);
    else {
      const shift = last === undefined ? 0 : Math.max(last.shift, last.shift + begin - last.end - pause);
      stretches.push({ begin, end, shift });
    }
  }
  // Sorting is stable: frames of one moment stay in the recording's order.
  const inOrder = frames.toSorted((a, b) => a.at - b.at);
  let stretch = 0;
  return inOrder.map(({ entry, at }) => {
    while (at > stretches[stretch]!.end) stretch++;
    return { entry, at: at - stretches[stretch]!.shift };
  });
}
