import type { Size } from '../frame.js';
import type { Region } from './region.js';

/**
 * Sets a region's pixels in a mask.
 *
 * @param mask H×W of its frame: 1 where labelled, else 0
 * @param ids H×W superpixel ids of the frame; needed for a superpixel alone
 * @returns how many were 0 before
 * @throws RangeError for a window that reaches out of the frame; Error for a superpixel without ids
 */
export function paint(region: Region, mask: Uint8Array, size: Size, ids: Uint16Array | undefined): number {
  let painted = 0;
  visit(region, size, ids, (i) => {
    if (mask[i] !== 0) return;
    mask[i] = 1;
    painted++;
  });
  return painted;
}

/** How many pixels `paint` would set; parameters and errors as there. */
export function newPixels(
  region: Region,
  mask: Uint8Array,
  size: Size,
  ids: Uint16Array | undefined,
): number {
  let count = 0;
  visit(region, size, ids, (i) => {
    if (mask[i] === 0) count++;
  });
  return count;
}

/** Calls `pixel` with the raster index of each pixel of the region, ascending. */
function visit(
  region: Region,
  { width, height }: Size,
  ids: Uint16Array | undefined,
  pixel: (index: number) => void,
): void {
  const pixels = width * height;
  if (region.unit === 'image') {
    for (let i = 0; i < pixels; i++) pixel(i);
  } else if (region.unit === 'superpixel') {
    if (ids?.length !== pixels)
      throw new Error(
        `the superpixel ids of ${region.scene}/${region.frame} are needed, at ${width}x${height}`,
      );
    for (let i = 0; i < pixels; i++) if (ids[i] === region.superpixel) pixel(i);
  } else {
    const right = region.left + region.width;
    const bottom = region.top + region.height;
    if (region.left < 0 || region.top < 0 || right > width || bottom > height)
      throw new RangeError(`a window of ${region.scene}/${region.frame} reaches out of its frame`);
    for (let y = region.top; y < bottom; y++) for (let x = region.left; x < right; x++) pixel(y * width + x);
  }
}
