import type { RoundRow } from '../tables/schemas.js';

/** The rounds of one strategy and seed, ascending. */
export interface SeedRun {
  readonly strategy: string;
  readonly seed: number;
  readonly rounds: readonly RoundRow[];
}

/** A run that did not get to its last round. */
export interface UnfinishedRun {
  readonly strategy: string;
  readonly seed: number;
  /** A clause: what went wrong, or where it stands. */
  readonly reason: string;
}

/** Rounds by run: strategies in the order of their first rows, seeds ascending. */
export function runsOf(rounds: readonly RoundRow[]): SeedRun[] {
  return [...groupBy(rounds, ({ strategy }) => strategy)].flatMap(([strategy, rows]) =>
    [...groupBy(rows, ({ seed }) => seed)]
      .sort(([a], [b]) => a - b)
      .map(([seed, own]) => ({ strategy, seed, rounds: own.sort((a, b) => a.round - b.round) })),
  );
}

/** Items by key, keys and items in the order of the items. */
export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
