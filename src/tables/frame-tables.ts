import type { Frame } from '../frame.js';
import type { ProbabilityMap } from '../model/probability-map.js';
import type { Incidences } from '../store/incidences.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import { readArrow, writeArrow } from './arrow.js';
import type { RunFolder } from './run-folder.js';
import { INCIDENCES, PROBABILITIES, SUPERPIXELS } from './schemas.js';

/** Names a frame. */
export interface FrameId {
  readonly scene: string;
  readonly id: string;
}

/** The frame but for its images: what the tables say of it. */
export type FrameInfo = Pick<Frame, 'timestamp' | 'width' | 'height' | 'intrinsics'> & {
  /** 16 numbers, as in `Frame`. */
  readonly cameraToWorld: readonly number[];
  readonly depthPixels: number;
};

/** What stays of a frame once its pixels are binned: small enough to keep, and all that scoring needs. */
export interface BinnedFrame extends FrameId {
  readonly info: FrameInfo;
  readonly incidences: Incidences;
}

/**
 * A stored table with one Arrow file a frame. Entries carry the key of what they were computed from; `read` gives
 * undefined where the entry is absent or its key is another. Without a key any entry will do.
 */
export interface FrameTable<T> {
  read(frame: FrameId, key?: string): Promise<T | undefined>;
  write(frame: FrameId, key: string, entry: T): Promise<void>;
}

export function superpixelTable(run: RunFolder): FrameTable<Superpixels> {
  return {
    async read(frame, key) {
      const found = await readArrow(run.frameFile(SUPERPIXELS.name, frame), SUPERPIXELS, key);
      if (found === undefined) return undefined;
      const ids = found.columns.superpixel;
      let count = 0;
      for (const id of ids) count = Math.max(count, id + 1);
      return { ...sizeOf(found.entries), count, ids };
    },
    write: (frame, key, { width, height, ids }) =>
      writeArrow(
        run.frameFile(SUPERPIXELS.name, frame),
        SUPERPIXELS,
        key,
        0,
        { superpixel: ids },
        text({ width, height }),
      ),
  };
}

export function probabilityTable(run: RunFolder): FrameTable<ProbabilityMap> {
  return {
    async read(frame, key) {
      const found = await readArrow(run.frameFile(PROBABILITIES.name, frame), PROBABILITIES, key);
      if (found === undefined) return undefined;
      return { ...sizeOf(found.entries), classes: found.classes, data: found.columns.probability };
    },
    write: (frame, key, { width, height, classes, data }) =>
      writeArrow(
        run.frameFile(PROBABILITIES.name, frame),
        PROBABILITIES,
        key,
        classes,
        { probability: data },
        text({ width, height }),
      ),
  };
}

export function incidenceTable(run: RunFolder): FrameTable<BinnedFrame> {
  return {
    async read(frame, key) {
      const found = await readArrow(run.frameFile(INCIDENCES.name, frame), INCIDENCES, key);
      if (found === undefined) return undefined;
      const { columns, classes, entries } = found;
      const superpixelPixels = Uint32Array.from(JSON.parse(entries.get('superpixel_pixels') ?? '[]'));
      const rowStart = new Uint32Array(superpixelPixels.length + 1);
      for (const r of columns.superpixel) rowStart[r + 1]++;
      for (let r = 0; r < superpixelPixels.length; r++) rowStart[r + 1] += rowStart[r];
      const voxelCount = columns.voxel.reduce((most, v) => Math.max(most, v + 1), 0);
      const voxels = new Int32Array(3 * voxelCount);
      const rays = new Uint8Array(voxelCount);
      columns.voxel.forEach((v, row) => {
        rays[v] = columns.ray[row];
        voxels[3 * v] = columns.x[row];
        voxels[3 * v + 1] = columns.y[row];
        voxels[3 * v + 2] = columns.z[row];
      });
      return {
        scene: frame.scene,
        id: frame.id,
        info: JSON.parse(entries.get('frame') ?? '{}') as FrameInfo,
        incidences: {
          classes,
          superpixels: superpixelPixels.length,
          superpixelPixels,
          rowStart,
          voxel: columns.voxel,
          pixels: columns.pixels,
          sumP: columns.sum_p,
          sumNegLog: columns.sum_neg_log_p,
          sumEntropy: columns.sum_entropy,
          voxels,
          rays,
        },
      };
    },
    write(frame, key, { info, incidences }) {
      const { classes, superpixels, superpixelPixels, rowStart, voxel, voxels, rays, pixels } = incidences;
      const superpixel = new Uint16Array(voxel.length);
      for (let r = 0; r < superpixels; r++) superpixel.fill(r, rowStart[r], rowStart[r + 1]);
      const axis = (k: number) => Int32Array.from(voxel, (v) => voxels[3 * v + k]);
      return writeArrow(
        run.frameFile(INCIDENCES.name, frame),
        INCIDENCES,
        key,
        classes,
        {
          superpixel,
          voxel,
          x: axis(0),
          y: axis(1),
          z: axis(2),
          ray: Uint8Array.from(voxel, (v) => rays[v]),
          pixels,
          sum_p: incidences.sumP,
          sum_neg_log_p: incidences.sumNegLog,
          sum_entropy: incidences.sumEntropy,
        },
        { frame: JSON.stringify(info), superpixel_pixels: JSON.stringify([...superpixelPixels]) },
      );
    },
  };
}

function sizeOf(entries: ReadonlyMap<string, string>): { width: number; height: number } {
  return { width: Number(entries.get('width')), height: Number(entries.get('height')) };
}

function text(values: Record<string, number>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, `${value}`]));
}
