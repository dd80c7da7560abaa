/** One measured figure. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What was asked for, as text; `≤ 60`, `≥ 0.95`. */
  readonly target?: string;
}

/** Median of some runs, after one that does not count. */
export async function median(runs: number, run: () => unknown): Promise<number> {
  await run();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[runs >> 1];
}

/** Real frames beside the checkout, or undefined where there are none. */
export const SCANNET = '../shared/data/scannet-sample';
export const SAMPLE = 'data/sample';
export const SIZE = { width: 320, height: 240 };
