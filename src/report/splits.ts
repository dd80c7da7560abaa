/** Splits of the labelled frames, as the page calls them. */
export const SPLITS: Readonly<Record<string, string>> = {
  trained: 'frames trained on',
  validation: 'validation frames',
  pool: 'other labelled frames',
};

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
