import type { RoundRow } from '../tables/schemas.js';
import { isMeasured } from './curve.js';
import { groupBy } from './runs.js';
import { type Spread, spreadOf } from './spread.js';

/** A strategy's rounds, each over its seeds. */
export interface StrategyCurve {
  readonly strategy: string;
  /** Seeds that it has any row of, ascending. */
  readonly seeds: readonly number[];
  /** Ascending by round. */
  readonly points: readonly RoundPoint[];
}

export interface RoundPoint {
  readonly round: number;
  /** Means over the seeds whose mIoU is known; over all rows of the round where it is known of none. */
  readonly labelled_share: number;
  readonly effort: number;
  readonly minutes: number;
  /** Over the seeds whose mIoU is known; undefined where that is none. */
  readonly miou: Spread | undefined;
  /** Their rows. */
  readonly measured: readonly (RoundRow & { readonly miou: number })[];
  /** Seeds of the strategy whose mIoU in this round is not known: the mean is over fewer, so it may jump. */
  readonly missing: readonly number[];
}

/** Every strategy by round, in the order of their first rows. */
export function curvesOf(rounds: readonly RoundRow[]): StrategyCurve[] {
  return [...groupBy(rounds, ({ strategy }) => strategy)].map(([strategy, rows]) => {
    const seeds = [...new Set(rows.map(({ seed }) => seed))].sort((a, b) => a - b);
    const points = [...groupBy(rows, ({ round }) => round)]
      .sort(([a], [b]) => a - b)
      .map(([round, own]) => pointOf(round, own, seeds));
    return { strategy, seeds, points };
  });
}

function pointOf(round: number, rows: readonly RoundRow[], seeds: readonly number[]): RoundPoint {
  const measured = rows.filter(isMeasured).sort((a, b) => a.seed - b.seed);
  const averaged: readonly RoundRow[] = measured.length > 0 ? measured : rows;
  const mean = (of: (row: RoundRow) => number) =>
    averaged.reduce((sum, row) => sum + of(row), 0) / averaged.length;
  return {
    round,
    labelled_share: mean((row) => row.labelled_share),
    effort: mean((row) => row.effort),
    minutes: mean((row) => row.minutes),
    miou: spreadOf(measured.map((row) => row.miou)),
    measured,
    missing: seeds.filter((seed) => !measured.some((row) => row.seed === seed)),
  };
}
