import { UserError } from '../errors.js';
import type { Size } from '../frame.js';
import type { Superpixels } from './superpixels.js';

type Ids = Uint16Array | Uint32Array;

/** The most superpixels an image may have: their number, not just their ids, fits in 16 bits. */
const MOST = 65535;

/**
 * Renames any ids, such as a user's own superpixel file, to 0..count-1 in raster order of first appearance. Two
 * pixels share an id afterwards exactly if they did before: a superpixel in several pieces (one surface seen past
 * a chair leg) stays one, for its author meant it so.
 *
 * @param ids H×W, row-major, any values; not written
 * @throws UserError if there is not one id a pixel, or more different ids than 16 bits can name
 */
export function relabel(ids: Ids, size: Size): Superpixels {
  const { width, height } = size;
  if (ids.length !== width * height) {
    throw new UserError(`Expected ${width}×${height} superpixel ids, one a pixel; found ${ids.length}.`);
  }
  const renamed = new Uint16Array(ids.length);
  const names = new Map<number, number>();
  let previous = -1;
  let name = 0;
  for (let pixel = 0; pixel < ids.length; pixel++) {
    const id = ids[pixel]!;
    // Neighbours mostly agree, so the map is asked only where the id changes.
    if (id !== previous) {
      const known = names.get(id);
      name = known ?? names.size;
      if (known === undefined) names.set(id, name);
      previous = id;
    }
    renamed[pixel] = name;
  }
  if (names.size > MOST) {
    throw new UserError(`Expected at most ${MOST} superpixels in an image; found ${names.size}.`);
  }
  return { width, height, count: names.size, ids: renamed };
}

/**
 * Splits ids into their 4-connected pieces, numbered from 0 in raster order of first appearance. More pieces than
 * different ids means that some id is in several places.
 *
 * @param ids H×W, row-major; not written
 */
export function connectedComponents(
  ids: Ids,
  size: Size,
): { readonly count: number; readonly ids: Uint32Array } {
  const { width, height } = size;
  const unseen = 0xffffffff;
  const pieces = new Uint32Array(ids.length).fill(unseen);
  const stack = new Uint32Array(ids.length); // a pixel is pushed once, when it gets its number
  let count = 0;
  for (let start = 0; start < ids.length; start++) {
    if (pieces[start] !== unseen) continue;
    const id = ids[start]!;
    const piece = count++;
    let depth = 0;
    const visit = (pixel: number) => {
      if (pieces[pixel] !== unseen || ids[pixel] !== id) return;
      pieces[pixel] = piece;
      stack[depth++] = pixel;
    };
    visit(start);
    while (depth > 0) {
      const pixel = stack[--depth]!;
      const x = pixel % width;
      if (x > 0) visit(pixel - 1);
      if (x + 1 < width) visit(pixel + 1);
      if (pixel >= width) visit(pixel - width);
      if (pixel < width * (height - 1)) visit(pixel + width);
    }
  }
  return { count, ids: pieces };
}
