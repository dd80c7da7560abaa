import { BadFrameError } from '../errors.js';
import { type Frame, frameName } from '../frame.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import { MAX_PIXELS } from './fixed-point.js';
import { type IncidenceKeys, rayCode } from './incidences.js';
import { hashVoxel } from './voxel-table.js';

/** Voxel coordinates stay below this in magnitude, well inside 32 bits: at 2 cm, ±21 000 km from the origin. */
const MAX_COORDINATE = 2 ** 30;

/**
 * Where a frame's pixels lie: all of its incidences that does not depend on the network. Rounds, strategies and seeds
 * share it, so back-projection and grouping are done once a frame.
 */
export interface Footprint extends IncidenceKeys {
  /** H×W: the row of each pixel, −1 without depth. */
  readonly rowOfPixel: Int32Array;
}

/** What says where a frame's pixels lie. */
export type PlacedFrame = Pick<
  Frame,
  'scene' | 'id' | 'width' | 'height' | 'depth' | 'intrinsics' | 'cameraToWorld'
>;

/**
 * Back-projects the frame's pixels and groups them by superpixel and voxel, in one pass over them.
 *
 * @param voxelSize edge of a voxel, metres
 * @throws BadFrameError where a pose puts points beyond the voxel grid or one row holds more than MAX_PIXELS
 */
export function footprintOf(frame: PlacedFrame, superpixels: Superpixels, voxelSize: number): Footprint {
  const { width, height, depth, intrinsics, cameraToWorld: m } = frame;
  const size = width * height;
  const { ids, count } = superpixels;
  const scratch = scratchFor(size);
  const { slots, voxelSlots, voxels, rays } = scratch;
  slots.fill(0);
  voxelSlots.fill(0);
  const mask = slots.length - 1;

  const rowOfPixel = new Int32Array(size);
  const superpixelPixels = new Uint32Array(count);
  let rows = 0;
  let voxelCount = 0;
  const { rowSuperpixel, rowVoxel, rowPixels } = scratch;

  const [cameraX, cameraY, cameraZ] = [m[3] / voxelSize, m[7] / voxelSize, m[11] / voxelSize];

  // Neighbouring pixels mostly share a voxel and a superpixel: remember the last one before asking the hash.
  let lastX = 0;
  let lastY = 0;
  let lastZ = 0;
  let lastVoxel = -1;
  let lastRow = -1;

  for (let v = 0, i = 0; v < height; v++) {
    const ay = (v - intrinsics.cy) / intrinsics.fy;
    // The ray of pixel (u, v) in world axes at z = 1 is linear in u: constant part here, slope below.
    const rx = m[1] * ay + m[2];
    const ry = m[5] * ay + m[6];
    const rz = m[9] * ay + m[10];
    for (let u = 0; u < width; u++, i++) {
      const r = ids[i];
      superpixelPixels[r]++;
      const d = depth[i];
      if (!(d > 0)) {
        rowOfPixel[i] = -1;
        continue;
      }
      const ax = (u - intrinsics.cx) / intrinsics.fx;
      const x = Math.floor((d * (m[0] * ax + rx) + m[3]) / voxelSize);
      const y = Math.floor((d * (m[4] * ax + ry) + m[7]) / voxelSize);
      const z = Math.floor((d * (m[8] * ax + rz) + m[11]) / voxelSize);

      let voxel: number;
      if (x === lastX && y === lastY && z === lastZ && lastVoxel >= 0) {
        voxel = lastVoxel;
      } else {
        if (!(Math.abs(x) < MAX_COORDINATE && Math.abs(y) < MAX_COORDINATE && Math.abs(z) < MAX_COORDINATE))
          throw new BadFrameError(frameName(frame), 'its pose puts points beyond the voxel grid');
        let slot = hashVoxel(x, y, z) & mask;
        for (;;) {
          voxel = voxelSlots[slot] - 1;
          if (voxel < 0) {
            voxel = voxelCount++;
            voxelSlots[slot] = voxelCount;
            voxels[3 * voxel] = x;
            voxels[3 * voxel + 1] = y;
            voxels[3 * voxel + 2] = z;
            rays[voxel] = rayCode(x + 0.5 - cameraX, y + 0.5 - cameraY, z + 0.5 - cameraZ);
            break;
          }
          if (voxels[3 * voxel] === x && voxels[3 * voxel + 1] === y && voxels[3 * voxel + 2] === z) break;
          slot = (slot + 1) & mask;
        }
        lastX = x;
        lastY = y;
        lastZ = z;
        lastVoxel = voxel;
      }

      if (lastRow < 0 || rowVoxel[lastRow] !== voxel || rowSuperpixel[lastRow] !== r) {
        let slot = (Math.imul(voxel, 0x9e3779b1) ^ Math.imul(r, 0x85ebca6b)) >>> 0;
        slot = (slot ^ (slot >>> 15)) & mask;
        for (;;) {
          const row = slots[slot] - 1;
          if (row < 0) {
            lastRow = rows++;
            slots[slot] = rows;
            rowSuperpixel[lastRow] = r;
            rowVoxel[lastRow] = voxel;
            rowPixels[lastRow] = 0;
            break;
          }
          if (rowVoxel[row] === voxel && rowSuperpixel[row] === r) {
            lastRow = row;
            break;
          }
          slot = (slot + 1) & mask;
        }
      }
      rowPixels[lastRow]++;
      rowOfPixel[i] = lastRow;
    }
  }

  // Rows were numbered as the scan met them: a stable counting sort puts them in order of superpixel.
  const rowStart = new Uint32Array(count + 1);
  for (let row = 0; row < rows; row++) rowStart[rowSuperpixel[row] + 1]++;
  for (let r = 0; r < count; r++) rowStart[r + 1] += rowStart[r];
  const next = rowStart.slice(0, count);
  const place = scratch.place;
  const voxel = new Uint32Array(rows);
  const pixels = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) {
    const to = next[rowSuperpixel[row]]++;
    place[row] = to;
    voxel[to] = rowVoxel[row];
    pixels[to] = rowPixels[row];
    if (rowPixels[row] > MAX_PIXELS)
      throw new BadFrameError(
        frameName(frame),
        `${rowPixels[row]} pixels of one superpixel lie in one voxel`,
      );
  }

  for (let i = 0; i < size; i++) if (rowOfPixel[i] >= 0) rowOfPixel[i] = place[rowOfPixel[i]];

  return {
    superpixels: count,
    superpixelPixels,
    rowStart,
    voxel,
    pixels,
    voxels: voxels.slice(0, 3 * voxelCount),
    rays: rays.slice(0, voxelCount),
    rowOfPixel,
  };
}

/** Working memory of `footprintOf`, kept for frames of the same size: some 30 bytes a pixel. */
interface Scratch {
  readonly size: number;
  readonly slots: Int32Array;
  readonly voxelSlots: Int32Array;
  readonly voxels: Int32Array;
  readonly rays: Uint8Array;
  readonly rowSuperpixel: Uint16Array;
  readonly rowVoxel: Uint32Array;
  readonly rowPixels: Uint32Array;
  readonly place: Uint32Array;
}

let scratch: Scratch | undefined;

function scratchFor(size: number): Scratch {
  if (scratch?.size !== size) {
    // Twice the pixels, so that neither table is ever more than half full.
    const slots = 2 ** Math.ceil(Math.log2(Math.max(2, 2 * size)));
    scratch = {
      size,
      slots: new Int32Array(slots),
      voxelSlots: new Int32Array(slots),
      voxels: new Int32Array(3 * size),
      rays: new Uint8Array(size),
      rowSuperpixel: new Uint16Array(size),
      rowVoxel: new Uint32Array(size),
      rowPixels: new Uint32Array(size),
      place: new Uint32Array(size),
    };
  }
  return scratch;
}
