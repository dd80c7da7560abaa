import type { Gpu } from '../../gpu/device.js';
import { GROUP, grid, type Workgroups } from '../../gpu/kernels.js';

/** Words of a `Voxel` in batch.wgsl. */
export const VOXEL_WORDS = 10;
/** Words of a `Row` in rows.wgsl. */
export const ROW_WORDS = 4;

/** Dispatches of a batch, in the order in which its buffer `dispatches` holds their workgroups. */
const SHAPES = ['row', 'rowClass', 'voxel', 'voxelClass', 'voxelWord'] as const;
/** What one thread takes. */
export type Shape = (typeof SHAPES)[number];
/** Bytes of the buffer `dispatches`: three words a dispatch. */
export const DISPATCH_BYTES = 12 * SHAPES.length;

/** Distinct voxels on the GPU with what is to be added to each. */
export interface VoxelBatch {
  readonly classes: number;
  /** Voxels that there is room for, at least as many as there are. */
  readonly room: number;
  /** Rows, voxels, pixels beyond the grid, pixels of a row too full (`Counts` in batch.wgsl). */
  readonly counts: GPUBuffer;
  /** `Voxel` structs. */
  readonly voxels: GPUBuffer;
  /** Voxel by voxel: pixels, frames, Σ P (C), Σ −log P (C). */
  readonly own: GPUBuffer;
  readonly dispatches: GPUBuffer;
}

/** The workgroups that a kernel needs for a batch, which only the GPU may know. */
export function workgroups({ dispatches }: VoxelBatch, shape: Shape): Workgroups {
  return { buffer: dispatches, offset: 12 * SHAPES.indexOf(shape) };
}

/** Content of `dispatches` for so many rows and voxels, as `arrange` in sum.wgsl computes it. */
export function dispatchesOf(rows: number, voxels: number, classes: number): Uint32Array<ArrayBuffer> {
  const items = Math.floor(GROUP / classes);
  const groups: Record<Shape, number> = {
    row: Math.ceil(rows / GROUP),
    rowClass: Math.ceil(rows / items),
    voxel: Math.ceil(voxels / GROUP),
    voxelClass: Math.ceil(voxels / items),
    voxelWord: Math.ceil((voxels * (2 + 2 * classes)) / GROUP),
  };
  return Uint32Array.from(SHAPES.flatMap((shape) => [...grid(groups[shape]), 1]));
}

/**
 * Uploads distinct voxels.
 * @param coordinates triples x, y, z
 * @param rays codes of neighbours (incidences.ts), one a voxel; without them, none is asked for
 * @param own as VoxelBatch says; without it, nothing may be added
 */
export async function uploadVoxels(
  gpu: Gpu,
  classes: number,
  rows: number,
  coordinates: Int32Array,
  rays?: Uint8Array,
  own?: Uint32Array<ArrayBuffer>,
): Promise<VoxelBatch> {
  const room = coordinates.length / 3;
  // A binding holds one struct at least.
  const voxels = new Int32Array(VOXEL_WORDS * Math.max(1, room));
  for (let v = 0, to = 0, from = 0; v < room; v++, to += VOXEL_WORDS, from += 3) {
    voxels[to] = coordinates[from];
    voxels[to + 1] = coordinates[from + 1];
    voxels[to + 2] = coordinates[from + 2];
    if (rays !== undefined) voxels[to + 3] = rays[v];
  }
  const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const [dispatches, counts, voxelBuffer, ownBuffer] = await Promise.all([
    gpu.allocate(DISPATCH_BYTES, storage | GPUBufferUsage.INDIRECT, 'dispatches'),
    gpu.upload(Uint32Array.of(rows, room, 0, 0), 'counts'),
    gpu.upload(voxels, 'voxels'),
    gpu.upload(own ?? new Uint32Array(1), 'own'),
  ]);
  gpu.write(dispatches, 0, dispatchesOf(rows, room, classes));
  return { classes, room, counts, voxels: voxelBuffer, own: ownBuffer, dispatches };
}

export function destroyBatch({ counts, voxels, own, dispatches }: VoxelBatch): void {
  for (const buffer of [counts, voxels, own, dispatches]) buffer.destroy();
}
