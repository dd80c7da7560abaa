/** A whole number of at most 2⁶³ in magnitude, as low and high word of two's complement (wide.wgsl). */
export function words64(value: number): [low: number, high: number] {
  const high = Math.floor(value / 2 ** 32);
  return [value - high * 2 ** 32, high];
}
