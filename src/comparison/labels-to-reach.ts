import type { RoundRow } from '../tables/schemas.js';
import { type Axis, curveOf, firstReach, isMeasured } from './curve.js';
import type { SeedRun } from './runs.js';
import { type Spread, spreadOf } from './spread.js';

/** Share of what full training gives that a strategy is to reach: the paper's p95. */
export const TARGET_SHARE = 0.95;

/**
 * The least of what was labelled (or of its cost) at which a run's mIoU first reaches the target, on straight lines
 * between its rounds. "First" is lenient where mIoU is noisy: it may fall below again.
 * @param rounds of one strategy and seed
 * @returns undefined if it never does within what was labelled
 */
export function labelsToReach(rounds: readonly RoundRow[], target: number, axis: Axis): number | undefined {
  return firstReach(curveOf(rounds, axis), target);
}

/** mIoU of full training, by seed and over seeds. */
export interface FullTraining {
  readonly bySeed: ReadonlyMap<number, number>;
  /** Undefined where nothing was trained in full. */
  readonly miou: Spread | undefined;
}

/** @param rounds rows of full training; those whose mIoU is not known count for nothing */
export function fullTraining(rounds: readonly RoundRow[]): FullTraining {
  const measured = rounds.filter(isMeasured);
  return {
    bySeed: new Map(measured.map(({ seed, miou }) => [seed, miou])),
    miou: spreadOf(measured.map(({ miou }) => miou)),
  };
}

/** mIoU that a seed is to reach: 95 % of its own full training, or where it has none of the mean; undefined without any. */
export function targetOf(seed: number, { bySeed, miou }: FullTraining): number | undefined {
  const full = bySeed.get(seed) ?? miou?.mean;
  return full === undefined ? undefined : TARGET_SHARE * full;
}

/** What the runs of one strategy needed to reach their targets. */
export interface Reach {
  readonly seeds: readonly SeedReach[];
  /** Over the seeds that reached it; undefined where none did. A few that did may flatter: see `seeds`. */
  readonly needed: Spread | undefined;
  /** Without reaching it, every seed that did not was taken at least so far; undefined where all reached it. */
  readonly within: number | undefined;
}

export interface SeedReach {
  readonly seed: number;
  /** mIoU; undefined where there is no full training. */
  readonly target: number | undefined;
  /** Where it reached the target; undefined where it did not. */
  readonly needed: number | undefined;
  /** Where its last measured round lies; 0 where it has none. */
  readonly last: number;
}

/** @param runs of one strategy */
export function reachOf(runs: readonly SeedRun[], full: FullTraining, axis: Axis): Reach {
  const seeds = runs.map(({ seed, rounds }): SeedReach => {
    const target = targetOf(seed, full);
    return {
      seed,
      target,
      needed: target === undefined ? undefined : labelsToReach(rounds, target, axis),
      last: curveOf(rounds, axis).at(-1)?.x ?? 0,
    };
  });
  const short = seeds.filter(({ needed }) => needed === undefined);
  return {
    seeds,
    needed: spreadOf(seeds.flatMap(({ needed }) => needed ?? [])),
    within: short.length > 0 ? Math.min(...short.map(({ last }) => last)) : undefined,
  };
}
