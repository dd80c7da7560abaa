import type { LabelRow, RegionClassRow } from '../tables/schemas.js';

/**
 * How many of the regions that a strategy selected hold how many distinct classes (paper, Fig. 8). The seed set is not
 * selected, so it is left out.
 *
 * @param labels of the strategy's runs, all together
 * @returns a row a number of classes, from the least to the most that any region holds, empty ones included; no row
 *   where nothing was selected
 */
export function regionClasses(strategy: string, labels: readonly LabelRow[]): RegionClassRow[] {
  const selected = labels.filter(({ round }) => round >= 1);
  if (selected.length === 0) return [];
  const regions: number[] = [];
  let fewest = Number.POSITIVE_INFINITY;
  for (const { classes } of selected) {
    while (regions.length <= classes) regions.push(0);
    regions[classes]++;
    fewest = Math.min(fewest, classes);
  }
  return regions
    .map((count, classes) => ({ strategy, classes, regions: count, share: count / selected.length }))
    .slice(fewest);
}

/** Expected number of distinct classes in a region; undefined without rows. @param rows of one strategy */
export function expectedClasses(rows: readonly RegionClassRow[]): number | undefined {
  return rows.length === 0 ? undefined : rows.reduce((sum, row) => sum + row.classes * row.share, 0);
}
