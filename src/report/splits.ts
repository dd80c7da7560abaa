import type { ReportContent } from './content.js';

/** A split of the labelled frames, as the page calls it: nothing is known to be trained on where the network was given. */
export function splitName(split: string, { trainedHere }: Pick<ReportContent, 'trainedHere'>): string {
  if (split === 'trained') return trainedHere ? 'frames trained on' : 'frames labelled already';
  return split === 'validation' ? 'validation frames' : 'other labelled frames';
}

/** Those whose figures tell most first: the pool's labels had no part in making the network. */
const TELLING = ['pool', 'validation', 'trained'];

/** The split that tells most of how good the network is, of those that rows are of; undefined without rows. */
export function tellingSplit(rows: readonly { readonly split: string }[]): string | undefined {
  return TELLING.find((split) => rows.some((row) => row.split === split));
}

/** Rows by split, in the order of the first of each. */
export function bySplit<T extends { readonly split: string }>(
  rows: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  const splits = new Map<string, T[]>();
  for (const row of rows) {
    const known = splits.get(row.split);
    if (known) known.push(row);
    else splits.set(row.split, [row]);
  }
  return splits;
}
