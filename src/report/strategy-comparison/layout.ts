/**
 * Moves positions apart until they are a gap from each other, keeping their order, with the least sum of squared moves
 * (isotonic regression by pooling adjacent violators), and inside the bounds. Where they do not fit, the gap shrinks.
 * @param positions ascending
 * @returns ascending
 */
export function spaced(positions: readonly number[], gap: number, low: number, high: number): number[] {
  const fitting = Math.min(gap, (high - low) / Math.max(1, positions.length - 1));
  const blocks: { sum: number; count: number }[] = [];
  for (const [i, position] of positions.entries()) {
    let block = { sum: position - i * fitting, count: 1 };
    for (
      let before = blocks.at(-1);
      before && before.sum / before.count >= block.sum / block.count;
      before = blocks.at(-1)
    ) {
      block = { sum: before.sum + block.sum, count: before.count + block.count };
      blocks.pop();
    }
    blocks.push(block);
  }
  const room = high - fitting * (positions.length - 1);
  return blocks
    .flatMap(({ sum, count }) => new Array<number>(count).fill(sum / count))
    .map((start, i) => Math.min(Math.max(start, low), room) + i * fitting);
}

/** A range that holds all values, from and to a multiple of a round step. */
export function roundDomain(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const step = [0.5, 1, 2, 5].find((size) => (high - low) / size <= 9) ?? 10;
  const start = Math.floor(low / step) * step;
  return [start, Math.max(Math.ceil(high / step) * step, start + step)];
}

/** So much of a name as a key has room for. */
export function clipped(name: string): string {
  return name.length > 20 ? `${name.slice(0, 19)}…` : name;
}
