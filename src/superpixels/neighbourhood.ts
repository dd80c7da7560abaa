/**
 * The eight cells around one, as a byte. Bits go round clockwise from the upper left, so that 4-neighbours have the
 * odd bits and the cell between two of them the even bit between theirs:
 *
 *     0 1 2
 *     7 · 3
 *     6 5 4
 */

/** Which of the eight cells around `cell` hold `id`, in a row-major map whose rows are `stride` apart. */
export function neighboursWith(id: number, map: Uint16Array, stride: number, cell: number): number {
  const up = cell - stride;
  const down = cell + stride;
  return (
    (map[up - 1] === id ? 1 : 0) |
    (map[up] === id ? 2 : 0) |
    (map[up + 1] === id ? 4 : 0) |
    (map[cell + 1] === id ? 8 : 0) |
    (map[down + 1] === id ? 16 : 0) |
    (map[down] === id ? 32 : 0) |
    (map[down - 1] === id ? 64 : 0) |
    (map[cell - 1] === id ? 128 : 0)
  );
}

/** Number of cells in a neighbourhood byte. */
export const NEIGHBOURS = Uint8Array.from({ length: 256 }, (_, byte) => {
  let cells = 0;
  for (let rest = byte; rest > 0; rest >>= 1) cells += rest & 1;
  return cells;
});

/**
 * 1 where a cell on its region's boundary can leave the region without breaking it: the region's cells among the
 * 4-neighbours are joined to each other round the ring. Every path through the cell can then go round it, so a
 * 4-connected region stays 4-connected. 0 also where the region has no other cell there, for the last cell stays.
 */
export const CAN_LEAVE = Uint8Array.from({ length: 256 }, (_, byte) => {
  const has = (bit: number) => ((byte >> (bit & 7)) & 1) === 1;
  let pieces = 0;
  for (const side of [1, 3, 5, 7]) {
    const joinedToNext = has(side + 1) && has(side + 2);
    if (has(side) && !joinedToNext) pieces++;
  }
  return pieces === 1 ? 1 : 0;
});
