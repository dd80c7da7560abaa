import type { Frame, Size } from '../frame.js';
import type { Correction } from './correction.js';

/** What is known of a frame without decoding it. */
export interface FrameEntry {
  readonly scene: string;
  readonly id: string;
  /** Whether the recording has labels for it. */
  readonly labelled: boolean;
  /**
   * Hex digest of the names, sizes and modification times of the frame's colour, depth, pose and camera files: it
   * changes when they do. Stored tables carry it, so that a rerun knows what is stale.
   */
  readonly fingerprint: string;
  /** Likewise of its label file; empty where it has none. Apart, since labels come in while all else stays. */
  readonly labelFingerprint: string;
}

/** A frame that the listing already knows to be unusable, for instance because a file is missing. */
export interface BadEntry {
  readonly scene: string;
  readonly id: string;
  /** Relative to the recording. */
  readonly file: string;
  readonly reason: string;
}

/** A recorded data set with random access to its frames. */
export interface Recording {
  /** Absolute path of its folder, or of its file where the whole recording is one. */
  readonly path: string;
  /** Name of the layout, as given to `--format`. */
  readonly format: string;
  /** Class names by label index; empty where the recording has no labels. */
  readonly classes: readonly string[];
  /** Sorted by scene, then by frame id. */
  readonly frames: readonly FrameEntry[];
  /** Frames left out by the listing, with the reason. */
  readonly bad: readonly BadEntry[];
  /**
   * Frames whose labels may be trained on, as `scene/id`, where the recording lists them
   * (`seedset_0_frames.txt` in the ViewAL layout, `labelled.txt` in ours); undefined where it has no list.
   */
  readonly labelledList?: ReadonlySet<string> | undefined;
  /**
   * Frames whose labels are kept from training and choose among networks, as `scene/id`, where the recording lists
   * them (`validation.txt` in our layout).
   */
  readonly validationList?: ReadonlySet<string> | undefined;
  /** What `viewal inspect --fix` found wrong, set right in all that is read; absent where nothing was. */
  readonly correction?: Correction | undefined;
  /**
   * Decodes one frame at `size`: colour averaged, depth and labels by nearest neighbour, intrinsics scaled.
   * @throws BadFrameError where the frame cannot be used
   */
  read(entry: FrameEntry, size: Size): Promise<Frame>;
  /**
   * A frame's `cameraToWorld` by itself, where the recording can tell it without decoding the frame.
   * @throws BadFrameError where it is none
   */
  readPose?(entry: FrameEntry): Promise<Float64Array>;
  /**
   * A frame's `timestamp` in seconds, without decoding the frame; absent where the recording has no clock, and timestamps
   * are places in the scene.
   * @throws BadFrameError where it is none
   */
  readTime?(entry: FrameEntry): Promise<number>;
  /**
   * Seconds by which a frame's colour is later than its depth, where the recording times both; without decoding it.
   * @throws BadFrameError where it is none
   */
  readColourDelay?(entry: FrameEntry): Promise<number>;
  /** The user's own superpixel file of a frame (16-bit PNG or npy), if the layout has one; an absolute path. */
  superpixelFile(entry: FrameEntry): string | undefined;
}
