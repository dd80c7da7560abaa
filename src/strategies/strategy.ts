import type { Observable } from 'rxjs';
import type { Size } from '../frame.js';
import type { Region, Unit } from '../labels/region.js';
import type { ProbabilityMap } from '../model/probability-map.js';
import type { Random } from '../random.js';
import type { Surfaces } from '../selection/surfaces.js';
import type { Consensus } from '../store/consensus.js';

/**
 * How the next regions to label are chosen. A strategy sees the pool through the network that was trained on what is
 * labelled so far, and ranks what is left; the round takes regions off the top until its budget is spent.
 *
 * The same pool gives the same ranking: what is random is drawn from `Pool.random`.
 */
export interface Strategy {
  /** As given to `--strategy`. */
  readonly name: string;
  /** A few words for reports. */
  readonly title: string;
  /** What a person labels at a time. */
  readonly unit: Unit;
  /** Whether it looks at MC-dropout maps (Eq. 1); else at those of the network with dropout off. */
  readonly dropout: boolean;
  /**
   * Ranks regions of the pool that are not labelled, best first; completes when there are none left. Unsubscribed from
   * when the budget is spent.
   */
  rank(pool: Pool): Observable<Candidate>;
  /**
   * Labels that nobody gave, for the next round's training alone: never counted as labelled, and made anew each round.
   */
  pseudoLabels?(pool: Pool): Observable<PseudoLabels>;
  /** Whether a label is carried to the other views of its surface, for training; never counted as labelled. */
  readonly carriesLabels?: boolean;
}

/** A region that may be labelled next. */
export interface Candidate {
  readonly region: Region;
  /** Pixels of it that are not labelled yet, at least 1. */
  readonly pixels: number;
  /** What it was ranked by, higher first; its unit is the strategy's own. */
  readonly score: number;
}

/** A frame that may be labelled, in whole or in part. */
export interface PoolFrame {
  readonly scene: string;
  readonly id: string;
  /** Pixels labelled already, of width × height. */
  readonly labelledPixels: number;
}

/** A frame of the pool and what the network makes of it. Whoever receives it may keep it, at H×W×(2C + 1) bytes. */
export interface View {
  readonly frame: PoolFrame;
  readonly map: ProbabilityMap;
  /** H×W: 1 where labelled, else 0. */
  readonly labelled: Uint8Array;
}

/** A frame of the pool and what all views of its scene make of its pixels. */
export interface ConsensusView {
  readonly frame: PoolFrame;
  readonly consensus: Consensus;
  /** H×W: 1 where labelled, else 0. */
  readonly labelled: Uint8Array;
}

export interface FrameFeatures {
  readonly frame: PoolFrame;
  /** The decoder's last features averaged over the frame, one value a channel. */
  readonly features: Float32Array;
}

export interface PseudoLabels {
  readonly scene: string;
  readonly frame: string;
  /** H×W class indices, `IGNORE` where there is none. */
  readonly labels: Uint8Array;
}

/** What a strategy may ask of a round. Streams are cold: each subscription reads frames anew, a few at a time. */
export interface Pool {
  /** From 0, the round whose network was trained on the seed set. */
  readonly round: number;
  readonly size: Size;
  readonly classes: number;
  /** What this round may label, in images' worth of pixels; for strategies that choose a set of so many. */
  readonly images: number;
  /** All frames that may be labelled, labelled ones included, by scene and id. */
  readonly frames: readonly PoolFrame[];
  /** A generator of its own for each purpose; the same for the same seed and round. */
  random(purpose: string): Random;
  /** Frames that are not wholly labelled, with maps as `Strategy.dropout` asks, in no particular order. */
  views(): Observable<View>;
  /** All frames, in no particular order. */
  features(): Observable<FrameFeatures>;
  /** Superpixels scored from all views of a scene, a scene at a time, sorted by scene. */
  surfaces(): Observable<Surfaces>;
  /**
   * Frames that are not wholly labelled, in no particular order, with what all views of their scene say. From the same
   * observations as `surfaces`: whichever comes first asks the network, the other reads what is stored.
   */
  consensus(): Observable<ConsensusView>;
}
