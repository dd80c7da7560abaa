/** Numbers as the page writes them. Not by locale: the same run gives the same page everywhere. */

/** With narrow no-break spaces between thousands; a dash where it is not known. */
export function count(value: number | undefined): string {
  return `${value ?? '–'}`.replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** A count and its noun. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** A score in nats; a dash where there is none. */
export function nats(value: number | null | undefined): string {
  return value == null || Number.isNaN(value) ? '–' : value.toFixed(3);
}

/** A share in [0, 1], in percent; a dash where there is none. */
export function percent(value: number | null | undefined): string {
  return value == null || Number.isNaN(value) ? '–' : `${(100 * value).toFixed(1)}\u202f%`;
}
