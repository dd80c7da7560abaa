import type { Unit } from '../labels/region.js';
import type { ComparisonRow, RoundRow } from '../tables/schemas.js';
import { commonRange, curveOf, meanHeight, type Range, valueAt } from './curve.js';
import { type FullTraining, fullTraining, type Reach, reachOf } from './labels-to-reach.js';
import { runsOf, type SeedRun, type UnfinishedRun } from './runs.js';
import { type Spread, spreadOf } from './spread.js';
import { curvesOf } from './strategy-curves.js';

/** The strategy that others are compared with. */
export const BASELINE = 'rand';

export interface ComparedStrategy {
  /** As given to `--strategy`. */
  readonly name: string;
  /** A few words for reports. */
  readonly title: string;
  readonly unit: Unit;
}

/** What was run. */
export interface Compared {
  /** In the order in which they are shown; full training is none of them. */
  readonly strategies: readonly ComparedStrategy[];
  readonly rounds: readonly RoundRow[];
  /** Of the networks trained on all labels, one a seed. */
  readonly full: readonly RoundRow[];
  readonly unfinished: readonly UnfinishedRun[];
}

export interface Ranking {
  /** Best first. */
  readonly rows: readonly ComparisonRow[];
  readonly full: FullTraining;
  /** Labelled shares that every finished run spans: what areas are taken over. */
  readonly range: Range | undefined;
}

/**
 * Ranks strategies by the labels they need for 95 % of full training. Those that all seeds got there with come first,
 * by the mean; then those that some did, by the share of seeds and then the mean; then those that none did. Ties, and
 * the last, by the area under the curve, then by the order given. Failed and missing runs are counted in each row.
 */
export function rankStrategies({ strategies, rounds, full: fullRounds, unfinished }: Compared): Ranking {
  const full = fullTraining(fullRounds);
  const runs = runsOf(rounds).filter((run) => strategies.some(({ name }) => name === run.strategy));
  const range = commonRange(
    runs.filter((run) => !isAmong(unfinished, run)).map((run) => curveOf(run.rounds, 'labelled_share')),
  );
  const baseline = runs.filter(({ strategy }) => strategy === BASELINE);
  const ranked = strategies
    .map((strategy) => {
      const own = runs.filter((run) => run.strategy === strategy.name);
      const labels = reachOf(own, full, 'labelled_share');
      return { labels, row: comparisonRow(strategy, own, labels, { full, range, baseline, unfinished }) };
    })
    .sort((a, b) => byReach(a.labels, b.labels) || (b.row.area ?? 0) - (a.row.area ?? 0));
  return { rows: ranked.map(({ row }, i) => ({ rank: i + 1, ...row })), full, range };
}

function comparisonRow(
  { name, title, unit }: ComparedStrategy,
  runs: readonly SeedRun[],
  labels: Reach,
  context: Pick<Ranking, 'full' | 'range'> & {
    readonly baseline: readonly SeedRun[];
    readonly unfinished: readonly UnfinishedRun[];
  },
): Omit<ComparisonRow, 'rank'> {
  const { full, range, baseline, unfinished } = context;
  const effort = reachOf(runs, full, 'effort');
  const area = range && spreadOf(definedOf(runs.map((run) => meanHeight(shareCurve(run), range))));
  const gain = range && gainOf(runs, baseline, range.to);
  const last = curvesOf(runs.flatMap(({ rounds }) => rounds))
    .at(0)
    ?.points.findLast(({ miou }) => miou !== undefined);
  return {
    strategy: name,
    title,
    unit,
    seeds: runs.length,
    unfinished: unfinished.filter(({ strategy }) => strategy === name).length,
    reached: labels.needed?.count ?? 0,
    ...named('labels', labels.needed),
    labels_within: labels.within ?? null,
    ...named('effort', effort.needed),
    effort_within: effort.within ?? null,
    ...named('area', area),
    gain: gain?.mean ?? null,
    gain_deviation: gain?.deviation ?? null,
    gain_seeds: gain?.count ?? 0,
    last_round: last?.round ?? null,
    labelled_share: last?.labelled_share ?? null,
    ...named('miou', last?.miou),
    miou_seeds: last?.miou?.count ?? 0,
  };
}

/** How much better a strategy is than the baseline at a share, over the seeds that both have there. */
function gainOf(runs: readonly SeedRun[], baseline: readonly SeedRun[], share: number): Spread | undefined {
  const differences = runs.map((run) => {
    const other = baseline.find(({ seed }) => seed === run.seed);
    const [own, base] = [valueAt(shareCurve(run), share), other && valueAt(shareCurve(other), share)];
    return own === undefined || base === undefined ? undefined : own - base;
  });
  return spreadOf(definedOf(differences));
}

/** Columns of a spread. */
function named<N extends string>(name: N, spread: Spread | undefined) {
  return {
    [name]: spread?.mean ?? null,
    [`${name}_min`]: spread?.min ?? null,
    [`${name}_max`]: spread?.max ?? null,
  } as Record<N | `${N}_min` | `${N}_max`, number | null>;
}

/** Negative where the first needs fewer labels. */
function byReach(a: Reach, b: Reach): number {
  const [shareA, shareB] = [a, b].map(({ needed, seeds }) =>
    needed === undefined ? 0 : needed.count / seeds.length,
  );
  return shareB - shareA || (a.needed?.mean ?? 0) - (b.needed?.mean ?? 0);
}

function shareCurve({ rounds }: SeedRun) {
  return curveOf(rounds, 'labelled_share');
}

function isAmong(unfinished: readonly UnfinishedRun[], { strategy, seed }: SeedRun): boolean {
  return unfinished.some((run) => run.strategy === strategy && run.seed === seed);
}

function definedOf(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined);
}
