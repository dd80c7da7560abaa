import type { Size } from '../frame.js';
import type {
  CalibrationRow,
  ConfusionRow,
  HistoryRow,
  MetricRow,
  SelectionRow,
  ValidationRow,
} from '../tables/schemas.js';
import type { Comparison } from './comparison.js';
import type { FramePicture } from './frame-picture.js';

/** Everything the report shows. What a run has not got, or has not got yet, is undefined or empty. */
export interface ReportContent {
  /** Name of the recording's folder, and of its layout. */
  readonly recording: string;
  readonly format: string;
  readonly version: string;
  /** The command line that makes the same run again. */
  readonly command: string;
  readonly options: readonly ReportOption[];
  /** Working size of the frames. */
  readonly size: Size;
  /** Whether the network is the run's own; else it was given, and what it was trained on is not known. */
  readonly trainedHere: boolean;
  /** What to run next; undefined once superpixels are selected. */
  readonly missingStage: 'infer' | 'score' | 'select' | undefined;
  readonly scenes: readonly SceneSummary[];
  readonly skipped: readonly SkippedFrame[];
  /** Undefined where nothing has been selected yet. */
  readonly selections: readonly SelectionRow[] | undefined;
  readonly candidates: Candidates;
  /** The first picks, best first. */
  readonly cards: readonly PickCard[];
  /** Frames with details, best first. */
  readonly frames: readonly FramePicture[];
  /** Every picture by `frameName`, for the cards. */
  readonly pictures: ReadonlyMap<string, FramePicture>;
  /** Names of the recording's classes, by class; no two alike. */
  readonly classes: readonly string[];
  /** Of the training in this run. */
  readonly history: readonly HistoryRow[];
  readonly validation: readonly ValidationRow[];
  readonly metrics: readonly MetricRow[];
  readonly confusion: readonly ConfusionRow[];
  readonly calibration: readonly CalibrationRow[];
  /** Labelled frames that could not be measured yet. */
  readonly missingMaps: number;
  /** Worst to best. */
  readonly comparisons: readonly Comparison[];
}

export interface ReportOption {
  readonly name: string;
  readonly meaning: string;
  readonly value: string;
  readonly isDefault: boolean;
}

/** Undefined is what is not known yet. */
export interface SceneSummary {
  readonly name: string;
  /** Frames of the recording; those neither used nor skipped have not been read yet. */
  readonly frames: number;
  readonly used: number | undefined;
  readonly skipped: number | undefined;
  /** Labelled already: trained on where the network is the run's own, and likewise validated on. */
  readonly trained: number;
  readonly validation: number;
  /** Voxels seen. */
  readonly points: number | undefined;
  /** Superpixels with scores. */
  readonly scored: number | undefined;
  /** Means over the scored superpixels, nats; NaN without any. */
  readonly viewEntropy: number;
  readonly viewDivergence: number;
  readonly picks: number | undefined;
}

export interface SkippedFrame {
  readonly scene: string;
  readonly frame: string;
  readonly reason: string;
}

/** Scores of the superpixels that could be picked, nats, in parallel. */
export interface Candidates {
  readonly viewEntropy: Float32Array;
  readonly viewDivergence: Float32Array;
}

export interface PickCard {
  readonly pick: SelectionRow;
  /** Mean number of frames that see one of its pixels; undefined where the scores no longer say. */
  readonly views: number | undefined;
}
