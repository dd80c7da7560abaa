/** Seconds by which frames' colour is later than their depth. */
export interface ColourDelay {
  readonly least: number;
  readonly most: number;
  /** From the first quarter of the frames to the last, on average: cameras that are not in step jitter, and do not drift. */
  readonly drift: number;
}

/** @param delays in the order of the frames @returns undefined where there are none */
export function colourDelayOf(delays: readonly number[]): ColourDelay | undefined {
  if (delays.length === 0) return undefined;
  const quarter = Math.ceil(delays.length / 4);
  return {
    least: Math.min(...delays),
    most: Math.max(...delays),
    drift: mean(delays.slice(-quarter)) - mean(delays.slice(0, quarter)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
