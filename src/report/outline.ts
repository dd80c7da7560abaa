import type { Superpixels } from '../superpixels/superpixels.js';

/** The border of a superpixel, in pixels of its frame; pixel (x, y) covers [x, x + 1) × [y, y + 1). */
export interface Outline {
  /** SVG path data, one closed loop for the outside and one for each hole. */
  readonly path: string;
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** Centre of the superpixel's pixel nearest to its centroid: where to put a label. */
  readonly anchor: { readonly x: number; readonly y: number };
}

/** Directions clockwise, with the superpixel on the right hand: along its top, right, bottom and left sides. */
const EAST = 0;
const SOUTH = 1;
const WEST = 2;
const NORTH = 3;
const DX = [1, 0, -1, 0];
const DY = [0, 1, 0, -1];

/** Traces the pixel edges around a superpixel. @returns undefined where it has no pixel */
export function outlineOf(
  { width, height, ids }: Omit<Superpixels, 'count'>,
  superpixel: number,
): Outline | undefined {
  let [left, top, right, bottom] = [width, height, -1, -1];
  let [count, sumX, sumY] = [0, 0, 0];
  for (let i = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (ids[i] !== superpixel) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
      count++;
      sumX += x;
      sumY += y;
    }
  }
  if (count === 0) return undefined;

  const inside = (x: number, y: number) =>
    x >= left && x <= right && y >= top && y <= bottom && ids[y * width + x] === superpixel;
  const box = { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
  // Edges that leave each pixel corner, a bit a direction.
  const stride = box.width + 1;
  const edges = new Uint8Array(stride * (box.height + 1));
  let anchor = { x: left, y: top };
  let nearest = Number.POSITIVE_INFINITY;
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      if (!inside(x, y)) continue;
      const corner = (y - top) * stride + x - left;
      if (!inside(x, y - 1)) edges[corner] |= 1 << EAST;
      if (!inside(x + 1, y)) edges[corner + 1] |= 1 << SOUTH;
      if (!inside(x, y + 1)) edges[corner + stride + 1] |= 1 << WEST;
      if (!inside(x - 1, y)) edges[corner + stride] |= 1 << NORTH;
      const away = (x - sumX / count) ** 2 + (y - sumY / count) ** 2;
      if (away < nearest) {
        nearest = away;
        anchor = { x, y };
      }
    }
  }

  let path = '';
  for (let corner = 0; corner < edges.length; corner++) {
    // Every loop has an edge that runs east: along a top side, or along the bottom of a hole.
    while (edges[corner] & (1 << EAST)) path += traceLoop(edges, stride, corner, box);
  }
  return { path, box, anchor: { x: anchor.x + 0.5, y: anchor.y + 0.5 } };
}

/** Walks one loop from a corner, eastwards, taking its edges away. */
function traceLoop(
  edges: Uint8Array,
  stride: number,
  start: number,
  box: { readonly x: number; readonly y: number },
): string {
  let path = `M${box.x + (start % stride)} ${box.y + Math.floor(start / stride)}`;
  let corner = start;
  let direction = EAST;
  do {
    let length = 0;
    while (edges[corner] & (1 << direction)) {
      edges[corner] &= ~(1 << direction);
      corner += DX[direction] + DY[direction] * stride;
      length++;
    }
    path += DX[direction] === 0 ? `v${DY[direction] * length}` : `h${DX[direction] * length}`;
    // Right before left: pixels that touch at this corner alone are not connected. The edge that the loop began with
    // is gone, but still the one to the right of a walk that comes back to it.
    const right = (direction + 1) & 3;
    const closes = corner === start && right === EAST;
    direction = closes || edges[corner] & (1 << right) ? right : (direction + 3) & 3;
  } while (corner !== start || direction !== EAST);
  return `${path}z`;
}
