import { BadFrameError } from '../errors.js';
import type { Size } from '../frame.js';
import { decodeGrey } from './images.js';
import { readBytes } from './input-files.js';
import { parseNpy } from './npy.js';
import { requireSameShape, sampleNearest } from './working-size.js';

/** Files `readIds` reads, by ending. */
export const ID_FILE_ENDINGS = ['png', 'npy'] as const;

/**
 * Reads a user's own superpixel ids: a greyscale PNG of 8 or 16 bits, or an H×W npy array of integers. Ids may be
 * any numbers from 0 to 2³² − 1 in any order; nothing is said of connectedness.
 * @param size working size, to which ids are sampled by nearest neighbour
 * @returns H×W ids, row-major
 * @throws BadFrameError where the file is unreadable, of another shape than `size`, or holds no such ids
 */
export async function readIds(file: string, size: Size): Promise<Uint32Array> {
  const bytes = await readBytes(file, file);
  const image = file.endsWith('.npy') ? npyIds(bytes, file) : await decodeGrey(bytes, file);
  requireSameShape(file, image, size, 'the working size');
  return Uint32Array.from(sampleNearest(image.data, image, size));
}

function npyIds(bytes: Uint8Array, file: string): Size & { data: Uint32Array } {
  const { shape, dtype, data } = parseNpy(bytes, file);
  const [height, width] = shape;
  if (shape.length !== 2 || !width || !height) {
    throw new BadFrameError(file, `shape (${shape.join(', ')}), expected (height, width)`);
  }
  if (dtype.includes('f')) throw new BadFrameError(file, `${dtype} values, expected integer ids`);
  const ids = new Uint32Array(data.length);
  for (let i = 0; i < ids.length; i++) {
    const id = Number(data[i]);
    if (id < 0 || id > 0xffffffff) {
      throw new BadFrameError(file, `id ${id}, expected 0 to ${0xffffffff}`);
    }
    ids[i] = id;
  }
  return { width, height, data: ids };
}
