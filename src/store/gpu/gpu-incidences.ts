import { BadFrameError } from '../../errors.js';
import type { Gpu } from '../../gpu/device.js';
import type { Incidences } from '../incidences.js';
import { destroyBatch, ROW_WORDS, uploadVoxels, VOXEL_WORDS, type VoxelBatch } from './batch.js';

/**
 * A frame's incidences on the GPU. Rows and voxels stand in no particular order, and only the GPU may know how many
 * there are.
 */
export interface GpuIncidences extends VoxelBatch {
  /** Number of superpixels, R. */
  readonly superpixels: number;
  /** Rows that there is room for. */
  readonly rowRoom: number;
  /** All pixels of each superpixel, R words. */
  readonly superpixelPixels: GPUBuffer;
  /** `Row` structs (rows.wgsl). */
  readonly rows: GPUBuffer;
  /** Planes for rowRoom rows each: Σ P (C), Σ −log P (C), Σ Σ −P log P (1). */
  readonly sums: GPUBuffer;
}

/** Uploads a frame's incidences; the caller destroys them. */
export async function uploadIncidences(gpu: Gpu, incidences: Incidences): Promise<GpuIncidences> {
  const { classes, superpixels, rowStart, voxel, pixels } = incidences;
  const count = pixels.length;
  const rows = new Uint32Array(ROW_WORDS * Math.max(1, count));
  for (let r = 0; r < superpixels; r++)
    for (let row = rowStart[r], at = ROW_WORDS * row; row < rowStart[r + 1]; row++, at += ROW_WORDS) {
      rows[at] = r;
      rows[at + 1] = voxel[row];
      rows[at + 2] = pixels[row];
      rows[at + 3] = ~row;
    }
  const sums = new Uint32Array((2 * classes + 1) * count);
  sums.set(incidences.sumP);
  sums.set(incidences.sumNegLog, classes * count);
  sums.set(incidences.sumEntropy, 2 * classes * count);
  const words = 2 + 2 * classes;
  const own = new Uint32Array((words * incidences.voxels.length) / 3);
  for (let row = 0, from = 0; row < count; row++) {
    const to = words * voxel[row];
    own[to] += pixels[row];
    own[to + 1] = 1;
    for (let c = 0; c < classes; c++, from++) {
      own[to + 2 + c] += incidences.sumP[from];
      own[to + 2 + classes + c] += incidences.sumNegLog[from];
    }
  }
  const [batch, superpixelPixels, rowBuffer, sumBuffer] = await Promise.all([
    uploadVoxels(gpu, classes, count, incidences.voxels, incidences.rays, own),
    gpu.upload(incidences.superpixelPixels, 'superpixel pixels'),
    gpu.upload(rows, 'rows'),
    gpu.upload(sums, 'sums'),
  ]);
  return { ...batch, superpixels, rowRoom: count, superpixelPixels, rows: rowBuffer, sums: sumBuffer };
}

/**
 * Copies a frame's incidences to the CPU, in the CPU's order: rows by superpixel, then as a raster scan meets them,
 * voxels as it meets them.
 *
 * @param name of the frame
 * @throws BadFrameError where binning found it at fault, for the reasons that `footprintOf` gives
 */
export async function readIncidences(gpu: Gpu, incidences: GpuIncidences, name: string): Promise<Incidences> {
  const { classes: C, superpixels: R, rowRoom } = incidences;
  const [rowCount, voxelCount, beyond, crowded] = await gpu.read(incidences.counts, 4);
  refuseFaults({ beyond, crowded }, name);
  const [rows, voxels, superpixelPixels, p, negLog, entropy] = await gpu.submitAndRead(
    gpu.device.createCommandEncoder(),
    [
      { buffer: incidences.rows, words: ROW_WORDS * rowCount },
      { buffer: incidences.voxels, words: VOXEL_WORDS * voxelCount },
      { buffer: incidences.superpixelPixels, words: R },
      { buffer: incidences.sums, words: C * rowCount },
      { buffer: incidences.sums, words: C * rowCount, offset: 4 * C * rowRoom },
      { buffer: incidences.sums, words: rowCount, offset: 8 * C * rowRoom },
    ],
  );
  const scan = inScanOrder(rows);
  const numberOf = new Int32Array(voxelCount).fill(-1);
  const coordinates = new Int32Array(3 * voxelCount);
  const rays = new Uint8Array(voxelCount);
  const rowStart = new Uint32Array(R + 1);
  let number = 0;
  for (const row of scan) {
    rowStart[rows[ROW_WORDS * row] + 1]++;
    const v = rows[ROW_WORDS * row + 1];
    if (numberOf[v] >= 0) continue;
    numberOf[v] = number;
    for (let axis = 0; axis < 3; axis++) coordinates[3 * number + axis] = voxels[VOXEL_WORDS * v + axis];
    rays[number++] = voxels[VOXEL_WORDS * v + 3];
  }
  for (let r = 0; r < R; r++) rowStart[r + 1] += rowStart[r];
  const next = rowStart.slice(0, R);
  const result = {
    classes: C,
    superpixels: R,
    superpixelPixels: superpixelPixels.slice(),
    rowStart,
    voxel: new Uint32Array(rowCount),
    pixels: new Uint32Array(rowCount),
    voxels: coordinates,
    rays,
    sumP: new Uint32Array(rowCount * C),
    sumNegLog: new Uint32Array(rowCount * C),
    sumEntropy: new Uint32Array(rowCount),
  };
  for (const row of scan) {
    const to = next[rows[ROW_WORDS * row]]++;
    result.voxel[to] = numberOf[rows[ROW_WORDS * row + 1]];
    result.pixels[to] = rows[ROW_WORDS * row + 2];
    result.sumP.set(p.subarray(row * C, (row + 1) * C), to * C);
    result.sumNegLog.set(negLog.subarray(row * C, (row + 1) * C), to * C);
    result.sumEntropy[to] = entropy[row];
  }
  return result;
}

/** Numbers of the rows in the order of their first pixels, of which each row has its own. */
function inScanOrder(rows: Uint32Array): Uint32Array {
  const count = rows.length / ROW_WORDS;
  let last = 0;
  for (let at = 3; at < rows.length; at += ROW_WORDS) last = Math.max(last, ~rows[at] >>> 0);
  // By pixel: number of the row that it begins, plus 1.
  const begins = new Uint32Array(last + 1);
  for (let row = 0; row < count; row++) begins[~rows[ROW_WORDS * row + 3] >>> 0] = row + 1;
  const scan = new Uint32Array(count);
  let next = 0;
  for (const row of begins) if (row > 0) scan[next++] = row - 1;
  return scan;
}

/** @throws BadFrameError for what binning counted, in the words of `footprintOf` */
export function refuseFaults(
  { beyond, crowded }: { readonly beyond: number; readonly crowded: number },
  name: string,
): void {
  if (beyond > 0) throw new BadFrameError(name, 'its pose puts points beyond the voxel grid');
  if (crowded > 0) throw new BadFrameError(name, `${crowded} pixels of one superpixel lie in one voxel`);
}

export function destroyIncidences(incidences: GpuIncidences): void {
  destroyBatch(incidences);
  for (const buffer of [incidences.superpixelPixels, incidences.rows, incidences.sums]) buffer.destroy();
}
