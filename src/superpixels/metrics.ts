import { IGNORE } from '../frame.js';
import type { Superpixels } from './superpixels.js';

/**
 * Boundary recall: the share of the labels' boundary pixels that have a superpixel boundary pixel within
 * `radius` pixels along each axis (a square window of side 2·radius + 1, as Stutz et al., "Superpixels: An
 * evaluation of the state-of-the-art", 2018).
 *
 * A boundary pixel is one with a 4-neighbour in another segment, so both sides of an edge count. Edges between a
 * labelled pixel and an `IGNORE` one say where the annotator stopped, not where a surface ends, and are left out.
 *
 * @param labels H×W classes, `IGNORE` = unlabelled
 * @returns 0 to 1, higher is better; NaN where the labels have no boundary, to be left out of a mean
 */
export function boundaryRecall(superpixels: Superpixels, labels: Uint8Array, radius = 2): number {
  const { width, height, ids } = superpixels;
  checkLength(superpixels, labels);
  let boundary = 0;
  let recalled = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = y * width + x;
      const label = labels[pixel]!;
      if (label === IGNORE) continue;
      const differs = (neighbour: number) => labels[neighbour] !== IGNORE && labels[neighbour] !== label;
      const onBoundary =
        (x > 0 && differs(pixel - 1)) ||
        (x + 1 < width && differs(pixel + 1)) ||
        (y > 0 && differs(pixel - width)) ||
        (y + 1 < height && differs(pixel + width));
      if (!onBoundary) continue;
      boundary++;
      if (hasBoundaryNear(ids, width, height, x, y, radius)) recalled++;
    }
  }
  return recalled / boundary;
}

/**
 * Undersegmentation error after Neubert and Protzel ("Superpixel benchmark and comparison", 2012): where a
 * superpixel S leaks over a segment G's edge, the smaller of the part inside and the part outside is the error,
 *
 *     UE = 1/N · Σ_G Σ_{S ∩ G ≠ ∅} min(|S ∩ G|, |S \ G|)
 *
 * so that a superpixel which merely touches a segment is not charged in full. `IGNORE` pixels belong to no
 * segment, and count neither in S nor in N.
 *
 * @param labels H×W classes, `IGNORE` = unlabelled; a segment is all pixels of one class
 * @returns 0 or more, lower is better; NaN where no pixel is labelled, to be left out of a mean
 */
export function undersegmentationError(superpixels: Superpixels, labels: Uint8Array): number {
  const { ids, count } = superpixels;
  checkLength(superpixels, labels);
  const overlap = new Uint32Array(count * 256); // superpixel × class, pixels
  const sizes = new Uint32Array(count);
  let labelled = 0;
  for (let pixel = 0; pixel < ids.length; pixel++) {
    const label = labels[pixel]!;
    if (label === IGNORE) continue;
    const id = ids[pixel]!;
    overlap[id * 256 + label]!++;
    sizes[id]!++;
    labelled++;
  }
  let error = 0;
  for (let i = 0; i < overlap.length; i++) {
    const inside = overlap[i]!;
    if (inside > 0) error += Math.min(inside, sizes[i >> 8]! - inside);
  }
  return error / labelled;
}

/**
 * Compactness after Schick et al. ("Measuring and evaluating the compactness of superpixels", 2012): the
 * isoperimetric quotient 4π·area/perimeter² of each superpixel, averaged over pixels. Perimeters are counted in
 * pixel edges, the image's border included, so a square has π/4 = 0.785, which is the most there is.
 *
 * @returns 0 to π/4; higher is rounder
 */
export function compactness(superpixels: Superpixels): number {
  const { width, height, ids, count } = superpixels;
  const area = new Uint32Array(count);
  const perimeter = new Uint32Array(count);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = y * width + x;
      const id = ids[pixel]!;
      area[id]!++;
      if (x === 0 || ids[pixel - 1] !== id) perimeter[id]!++;
      if (x === width - 1 || ids[pixel + 1] !== id) perimeter[id]!++;
      if (y === 0 || ids[pixel - width] !== id) perimeter[id]!++;
      if (y === height - 1 || ids[pixel + width] !== id) perimeter[id]!++;
    }
  }
  let sum = 0;
  for (let id = 0; id < count; id++) sum += (area[id]! * 4 * Math.PI * area[id]!) / perimeter[id]! ** 2;
  return sum / ids.length;
}

/** Whether a pixel with a 4-neighbour in another superpixel lies in the window around (x, y). */
function hasBoundaryNear(
  ids: Uint16Array,
  width: number,
  height: number,
  x: number,
  y: number,
  radius: number,
): boolean {
  const right = Math.min(x + radius, width - 1);
  const bottom = Math.min(y + radius, height - 1);
  for (let v = Math.max(y - radius, 0); v <= bottom; v++) {
    for (let u = Math.max(x - radius, 0); u <= right; u++) {
      const pixel = v * width + u;
      const id = ids[pixel]!;
      if (u > 0 && ids[pixel - 1] !== id) return true;
      if (u + 1 < width && ids[pixel + 1] !== id) return true;
      if (v > 0 && ids[pixel - width] !== id) return true;
      if (v + 1 < height && ids[pixel + width] !== id) return true;
    }
  }
  return false;
}

function checkLength({ width, height }: Superpixels, labels: Uint8Array): void {
  if (labels.length !== width * height) {
    throw new RangeError(`Expected ${width}×${height} labels, one a pixel; found ${labels.length}.`);
  }
}
