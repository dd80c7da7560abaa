import { resolve } from 'node:path';
import { BadFrameError, UserError } from '../errors.js';
import { frameName } from '../frame.js';
import { correctionFile, readCorrection } from '../sources/correction.js';
import {
  type FileLayout,
  type FrameId,
  type GrowingRecording,
  growingRecording,
  PARTS,
} from '../sources/file-recording.js';
import type { Format } from '../sources/formats.js';
import { listFolder } from '../sources/input-files.js';
import { LAYOUTS } from '../sources/open.js';
import type { BadEntry, FrameEntry, Recording } from '../sources/recording.js';
import { type Clock, systemClock } from './clock.js';
import { KeyframeGate } from './keyframes.js';
import type { LiveSource, SkipReason, SourceCounts } from './live-source.js';
import { SettlingFiles } from './settling-files.js';
import { shadesOf } from './sharpness.js';

export interface FolderSourceOptions {
  readonly format?: Format;
  /** Decides which frames are told of; its defaults if undefined. */
  readonly gate?: KeyframeGate;
  /** Frames told of in earlier runs, as `scene/id`: they come first, in that order, and are not judged again. */
  readonly earlier?: readonly string[];
  /** Seconds between looks at the folder. */
  readonly interval?: number;
  /** Seconds for which a file must not have changed. */
  readonly stable?: number;
  readonly clock?: Clock;
}

/** The size at which frames are judged. */
const SMALL = { width: 320, height: 240 };

/**
 * A recording that a device or a sync tool is writing: frames are told of when their colour, depth and pose are there and have
 * stopped changing, and so have the labels and superpixels that are there by then. Frames stay where they are.
 *
 * Files may appear in any order, half written, or under another name first. A frame that was told of is not looked at
 * again, whatever happens to its files. Files that all frames of a scene share (its camera, the names of the classes) should be
 * there before its frames: those that have none wait, but some layouts state one that holds where there is none.
 *
 * Each frame is decoded once, small, before it is told of, so that a file whose writer stopped half-way is found out; it is
 * tried again when it changes.
 */
export class FolderSource implements LiveSource {
  readonly recording: Recording;
  readonly #path: string;
  readonly #format: Format;
  readonly #gate: KeyframeGate;
  /** Order of the frames of earlier runs. */
  readonly #earlier: ReadonlyMap<string, number>;
  readonly #interval: number;
  readonly #clock: Clock;
  readonly #files: SettlingFiles;
  readonly #closing = new AbortController();
  readonly #told: FrameEntry[] = [];
  readonly #refused = new Map<string, BadEntry>();
  #known: GrowingRecording | undefined;
  #waiting = '';
  /** Whether something was there and of no use, so that it may have been mended since. */
  #again = false;
  #received = 0;
  #refusals = 0;
  readonly #skipped: Record<SkipReason, number> = { still: 0, blurred: 0 };

  private constructor(path: string, options: FolderSourceOptions) {
    const { format = 'auto', gate = new KeyframeGate(), earlier = [], interval = 0.5, stable = 1 } = options;
    this.#path = resolve(path);
    this.#format = format;
    this.#gate = gate;
    this.#earlier = new Map(earlier.map((name, i) => [name, i]));
    this.#interval = interval;
    this.#clock = options.clock ?? systemClock;
    this.#files = new SettlingFiles(this.#path, stable, this.#clock);
    this.recording = this.#view();
  }

  /** @throws UserError where the folder is not there, cannot be listed, or has a correction, which only whole recordings can */
  static async open(path: string, options: FolderSourceOptions = {}): Promise<FolderSource> {
    await listFolder(resolve(path));
    if ((await readCorrection(resolve(path))) !== undefined)
      throw new UserError(
        `${path} has a correction (${await correctionFile(path)}), which a growing folder cannot: expected it to be played, not watched.`,
      );
    return new FolderSource(path, options);
  }

  get counts(): SourceCounts {
    return {
      received: this.#received,
      kept: this.#told.length,
      skipped: { ...this.#skipped },
      repeated: 0,
      refused: this.#refusals,
    };
  }

  /** What the folder, or the first frame that is not whole, still lacks, in one sentence; empty where it lacks nothing. */
  get waiting(): string {
    return this.#waiting;
  }

  /** To be called once. Looks at the folder only while it is asked for a frame. */
  async *arrivals(): AsyncIterable<FrameEntry> {
    while (!this.#closing.signal.aborted) {
      for (const [entry, layout] of await this.#whole()) {
        if (this.#closing.signal.aborted) return;
        if (await this.#isWanted(entry, layout)) {
          this.#told.push(entry);
          yield entry;
        }
      }
      await this.#clock.sleep(this.#interval, this.#closing.signal);
    }
  }

  /** Ends `arrivals` with the frame in hand; the others are in the folder when it is watched again. */
  async close(): Promise<void> {
    this.#closing.abort();
  }

  /** Frames that have become whole since the last look. */
  async #whole(): Promise<[entry: FrameEntry, layout: FileLayout][]> {
    try {
      if (!(await this.#files.look()) && !this.#again) return [];
      this.#again = false;
      const layout = await this.#layout();
      if (layout === undefined) return [];
      this.#known ??= growingRecording(this.#path, layout.format);
      const settled = layout.frames.filter(
        (frame) => !filesOf(layout, frame).some((file) => this.#files.isGrowing(file)),
      );
      const { frames, bad } = await this.#known.extend({ ...layout, frames: settled });
      this.#waiting = bad.length === 0 ? '' : `${bad[0]!.file}: ${bad[0]!.reason}`;
      this.#again = bad.length > 0;
      const place = (entry: FrameEntry) => this.#earlier.get(frameName(entry)) ?? Number.POSITIVE_INFINITY;
      // Equal places keep the recording's order; ∞ − ∞ is no number.
      frames.sort((a, b) => place(a) - place(b) || 0);
      return frames.map((entry) => [entry, layout]);
    } catch (error) {
      // A folder that is out of reach may be back in a moment, and settings that are no good be mended.
      if (!(error instanceof UserError)) throw error;
      this.#waiting = error.message;
      this.#again = true;
      return [];
    }
  }

  async #layout(): Promise<FileLayout | undefined> {
    const list = async (path: string) => this.#files.list(path);
    const root = await list(this.#path);
    const layouts = LAYOUTS.filter(
      ({ name, listGrowing }) => listGrowing && (this.#format === 'auto' || this.#format === name),
    );
    // Once frames are known the layout is, too, whatever else turns up in the folder.
    const layout = layouts.find(({ name, matches }) =>
      this.#known === undefined ? matches(root) : name === this.#known.format,
    );
    if (layout === undefined) {
      const needs = layouts.map(({ name, needs }) => `${needs} (${name})`).join(', or ');
      this.#waiting = `${this.#path} is in no known layout yet: expected ${needs}`;
    }
    return layout?.listGrowing?.(this.#path, root, list);
  }

  /** Judges a frame that has just become whole, and counts it. */
  async #isWanted(entry: FrameEntry, layout: FileLayout): Promise<boolean> {
    const known = this.#known!;
    const name = frameName(entry);
    const files = filesOf(layout, entry);
    this.#received++;
    try {
      const cameraToWorld = await known.readPose(entry);
      const candidate = { scene: entry.scene, cameraToWorld };
      let whole = false;
      const grey = async () => {
        const { colour } = await known.read(entry, SMALL);
        whole = true;
        return shadesOf(colour, SMALL);
      };
      const reason = this.#earlier.has(name) ? undefined : await this.#gate.judge({ ...candidate, grey });
      if (reason === undefined && !whole) await grey();
      this.#files.take(files);
      this.#refused.delete(name);
      if (reason !== undefined) {
        this.#skipped[reason]++;
        known.forget(entry);
        return false;
      }
      this.#gate.keep(candidate);
      return true;
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error;
      const { file, reason } = error;
      this.#refusals++;
      this.#refused.set(name, { scene: entry.scene, id: entry.id, file, reason });
      known.forget(entry);
      await this.#files.refuse(
        files.find((own) => own === file) ?? files.find((own) => layout.present.has(own))!,
      );
      return false;
    }
  }

  /** What was told of, as a recording. */
  #view(): Recording {
    const known = () => {
      if (this.#known === undefined) throw new Error(`no frame of ${this.#path} is known yet`);
      return this.#known;
    };
    const source = this;
    return {
      path: this.#path,
      get format() {
        return source.#known?.format ?? source.#format;
      },
      get classes() {
        return source.#known?.classes ?? [];
      },
      frames: this.#told,
      get bad() {
        return [...source.#refused.values()];
      },
      read: (entry, size) => known().read(entry, size),
      readPose: (entry) => known().readPose(entry),
      superpixelFile: (entry) => known().superpixelFile(entry),
    };
  }
}

/** What the files of a frame may be called. */
function filesOf(layout: FileLayout, frame: FrameId): string[] {
  return PARTS.flatMap((part) => layout.fileNames(part, frame));
}
