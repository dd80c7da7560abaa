import { frameName } from '../frame.js';
import { type FrameId, inOrder } from '../sources/file-recording.js';
import type { Format } from '../sources/formats.js';
import type { BadEntry, FrameEntry, Recording } from '../sources/recording.js';

/** What frames are for: labelled bit by bit, choosing among networks, measuring. */
export type Split = 'training' | 'validation' | 'test';
export const SPLITS: readonly Split[] = ['training', 'validation', 'test'];

/** A data set of the paper: which of its frames are used and for what, and how to come by it. */
export interface Dataset {
  /** As on the command line. */
  readonly name: string;
  /** As people call it. */
  readonly title: string;
  /** The layout of its recordings, as `openRecording` knows it. */
  readonly format: Format;
  /** Class names by label index; undefined = those of the download, which has no one set of classes. */
  readonly classes?: readonly string[];
  /**
   * The recordings of a download, which are opened and closed one by one; the download itself where this is absent.
   * @param download absolute
   * @returns absolute paths, in order
   * @throws UserError where there are none
   */
  recordings?(download: string): Promise<string[]>;
  /** What a scene's frames are for; undefined where they are for nothing, such as those whose labels are kept secret. */
  splitOf(scene: string): Split | undefined;
  /** Which frames of a split are used: those whose number is a multiple of this. */
  readonly every: Readonly<Record<Split, number>>;
  /** The number of a frame; its place in the scene, in the order of names, where this is absent. */
  numberOf?(id: string): number;
  /** What the lists that the paper's code was published with call a frame; absent where they name no file of the download. */
  publishedName?(frame: FrameId): string;
  readonly facts: DatasetFacts;
}

/** What `viewal dataset list` tells. Sentences; sources are in docs/datasets.md. */
export interface DatasetFacts {
  /** What the paper used. */
  readonly paper: readonly string[];
  /** What `prepare` takes. */
  readonly prepared: readonly string[];
  /** How to get it, in order. */
  readonly obtain: readonly string[];
  /** Space that the download takes, and what is prepared from it. */
  readonly disk: readonly string[];
}

/** The digits that a name ends in, as a number; NaN where it ends in none. */
export function trailingNumber(name: string): number {
  return Number(/\d+$/.exec(name)?.[0] ?? Number.NaN);
}

export interface PlannedFrames {
  /** In the recording's order. */
  readonly frames: readonly FrameEntry[];
  /** Frames that would be among them, were they any good. */
  readonly bad: readonly BadEntry[];
}

/**
 * The frames of a recording that belong to the subset.
 * @param listed what the published lists name, where they are to decide instead of `every`
 */
export function planFrames(
  dataset: Dataset,
  recording: Pick<Recording, 'frames' | 'bad'>,
  listed?: ReadonlySet<string>,
): PlannedFrames {
  const places =
    dataset.numberOf === undefined ? placesOf([...recording.frames, ...recording.bad]) : undefined;
  const isPlanned = (frame: FrameId): boolean => {
    const split = dataset.splitOf(frame.scene);
    if (split === undefined) return false;
    if (listed !== undefined) return listed.has(dataset.publishedName?.(frame) ?? frameName(frame));
    const number = dataset.numberOf?.(frame.id) ?? places?.get(frameName(frame)) ?? Number.NaN;
    return number % dataset.every[split] === 0;
  };
  return { frames: recording.frames.filter(isPlanned), bad: recording.bad.filter(isPlanned) };
}

/** Places of frames in their scenes, by name. */
function placesOf(frames: readonly FrameId[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  const next = new Map<string, number>();
  for (const frame of inOrder(frames)) {
    const place = next.get(frame.scene) ?? 0;
    places.set(frameName(frame), place);
    next.set(frame.scene, place + 1);
  }
  return places;
}
