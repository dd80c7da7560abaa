import type { Compared, ComparedStrategy } from '../../comparison/ranking.js';
import type { Size } from '../../frame.js';
import type { LabelRow } from '../../tables/schemas.js';
import type { FramePicture } from '../frame-picture.js';

/** Everything that compare.html shows. What there is none of is empty. */
export interface ComparisonContent extends Compared {
  /** Name of the recording's folder. */
  readonly recording: string;
  readonly version: string;
  /** Working size of the frames. */
  readonly size: Size;
  /** Names of the recording's classes. */
  readonly classes: readonly string[];
  /** What all runs have in common: data, scenes, network, schedule, seeds. */
  readonly setting: readonly NamedValue[];
  /** The command lines that make the comparison again. */
  readonly commands: readonly string[];
  readonly options: readonly NamedValue[];
  /** Of each run's last round, by `runName`. */
  readonly labels: ReadonlyMap<string, readonly LabelRow[]>;
  /** Best the same frames of the pool for all strategies, and none of the seed set. */
  readonly pictures: readonly PickedPicture[];
}

export interface NamedValue {
  readonly name: string;
  readonly value: string;
}

/** A frame of the pool with what a strategy picked of it, as `drawPicked` draws it. */
export interface PickedPicture {
  readonly strategy: ComparedStrategy['name'];
  readonly picture: FramePicture;
  /** Share of the frame's pixels that were picked. */
  readonly share: number;
}

/** Name of a run, as labels are kept by. */
export function runName(strategy: string, seed: number): string {
  return `${strategy}/${seed}`;
}
