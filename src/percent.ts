/** A share in [0, 1] in percent, for lines of plain text; a dash where it is not known. */
export function percent(share: number | null): string {
  return share === null || Number.isNaN(share) ? '–' : `${(100 * share).toFixed(1)} %`;
}
