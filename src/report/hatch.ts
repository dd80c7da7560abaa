/** Greys of the two stripes; a heat map and a class map have no such colours. */
export const STRIPES = [128, 168] as const;

/** Width of a stripe along a row, pixels. */
const STRIPE = 4;

/** Paints a pixel of an RGB image with diagonal grey stripes: nothing is known here. */
export function hatch(pixels: Uint8Array, i: number, x: number, y: number): void {
  pixels.fill(STRIPES[Math.floor((x + y) / STRIPE) % 2], 3 * i, 3 * i + 3);
}
