/** A handful of values, one a seed. */
export interface Spread {
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** Standard deviation of the sample, over count − 1; undefined for one value. */
  readonly deviation: number | undefined;
}

/** @returns undefined without a value */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    count,
    mean,
    min: Math.min(...values),
    max: Math.max(...values),
    deviation: count > 1 ? Math.sqrt(squares / (count - 1)) : undefined,
  };
}
