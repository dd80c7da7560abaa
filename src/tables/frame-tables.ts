import type { Frame } from '../frame.js';
import type { ProbabilityMap } from '../model/probability-map.js';
import type { Footprint } from '../store/footprint.js';
import type { IncidenceKeys, Incidences } from '../store/incidences.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import { readArrow, writeArrow } from './arrow.js';
import type { RunFolder } from './run-folder.js';
import {
  type Columns,
  FOOTPRINTS,
  INCIDENCES,
  PROBABILITIES,
  SUPERPIXELS,
  TRAINING_LABELS,
} from './schemas.js';

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

export function frameInfo(frame: Omit<Frame, 'colour' | 'labels'>): FrameInfo {
  let depthPixels = 0;
  for (const d of frame.depth) if (d > 0) depthPixels++;
  const { timestamp, width, height, intrinsics, cameraToWorld } = frame;
  return { timestamp, width, height, intrinsics, cameraToWorld: [...cameraToWorld], depthPixels };
}

/** What needs no network of a frame: with it stored, neither depth nor superpixels are read again. */
export interface FrameFootprint extends FrameId {
  readonly info: FrameInfo;
  readonly footprint: Footprint;
}

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

export function footprintTable(run: RunFolder): FrameTable<FrameFootprint> {
  return {
    async read(frame, key) {
      const found = await readArrow(run.frameFile(FOOTPRINTS.name, frame), FOOTPRINTS, key);
      if (found === undefined) return undefined;
      const info = infoOf(found.entries);
      const { offsets, values } = found.columns.pixel;
      const rows = found.columns.voxel.length;
      const pixels = new Uint32Array(rows);
      const rowOfPixel = new Int32Array(info.width * info.height).fill(-1);
      for (let row = 0; row < rows; row++) {
        pixels[row] = offsets[row + 1] - offsets[row];
        for (let at = offsets[row]; at < offsets[row + 1]; at++) rowOfPixel[values[at]] = row;
      }
      const footprint = { ...keysOf(found.columns, found.entries), pixels, rowOfPixel };
      return { scene: frame.scene, id: frame.id, info, footprint };
    },
    write(frame, key, { info, footprint }) {
      const { rowOfPixel, pixels } = footprint;
      const offsets = new Int32Array(pixels.length + 1);
      for (let row = 0; row < pixels.length; row++) offsets[row + 1] = offsets[row] + pixels[row];
      const values = new Uint32Array(offsets[pixels.length]);
      const next = offsets.slice(0, pixels.length);
      for (let i = 0; i < rowOfPixel.length; i++) if (rowOfPixel[i] >= 0) values[next[rowOfPixel[i]]++] = i;
      return writeArrow(
        run.frameFile(FOOTPRINTS.name, frame),
        FOOTPRINTS,
        key,
        0,
        { ...keyColumns(footprint), pixel: { offsets, values } },
        keyEntries(info, footprint),
      );
    },
  };
}

/** What a frame is trained on, and where from. */
export interface FrameLabels {
  /** H×W class indices, `IGNORE` where there is none. */
  readonly label: Uint8Array;
  /** H×W, one of `ORIGIN`. */
  readonly origin: Uint8Array;
}

/** Where a pixel's label comes from. */
export const ORIGIN = { none: 0, person: 1, carried: 2, network: 3 } as const;

export function trainingLabelTable(run: RunFolder): FrameTable<FrameLabels> {
  return {
    async read(frame, key) {
      const path = run.frameFile(TRAINING_LABELS.name, frame);
      return (await readArrow(path, TRAINING_LABELS, key))?.columns;
    },
    write: (frame, key, { label, origin }) =>
      writeArrow(run.frameFile(TRAINING_LABELS.name, frame), TRAINING_LABELS, key, 0, { label, origin }),
  };
}

export function incidenceTable(run: RunFolder): FrameTable<BinnedFrame> {
  return {
    async read(frame, key) {
      const found = await readArrow(run.frameFile(INCIDENCES.name, frame), INCIDENCES, key);
      if (found === undefined) return undefined;
      const { columns, classes, entries } = found;
      return {
        scene: frame.scene,
        id: frame.id,
        info: infoOf(entries),
        incidences: {
          ...keysOf(columns, entries),
          classes,
          pixels: columns.pixels,
          sumP: columns.sum_p,
          sumNegLog: columns.sum_neg_log_p,
          sumEntropy: columns.sum_entropy,
        },
      };
    },
    write: (frame, key, { info, incidences }) =>
      writeArrow(
        run.frameFile(INCIDENCES.name, frame),
        INCIDENCES,
        key,
        incidences.classes,
        {
          ...keyColumns(incidences),
          pixels: incidences.pixels,
          sum_p: incidences.sumP,
          sum_neg_log_p: incidences.sumNegLog,
          sum_entropy: incidences.sumEntropy,
        },
        keyEntries(info, incidences),
      ),
  };
}

type KeyColumns = Pick<Columns<typeof INCIDENCES>, 'superpixel' | 'voxel' | 'x' | 'y' | 'z' | 'ray'>;

function keyColumns({ superpixels, rowStart, voxel, voxels, rays }: IncidenceKeys): KeyColumns {
  const rows = voxel.length;
  const superpixel = new Uint16Array(rows);
  for (let r = 0; r < superpixels; r++) superpixel.fill(r, rowStart[r], rowStart[r + 1]);
  const [x, y, z] = [new Int32Array(rows), new Int32Array(rows), new Int32Array(rows)];
  const ray = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    const v = voxel[row];
    x[row] = voxels[3 * v];
    y[row] = voxels[3 * v + 1];
    z[row] = voxels[3 * v + 2];
    ray[row] = rays[v];
  }
  return { superpixel, voxel, x, y, z, ray };
}

/** What the columns leave out: the frame, and the pixels of superpixels that have no depth. */
function keyEntries(info: FrameInfo, { superpixelPixels }: IncidenceKeys): Record<string, string> {
  return { frame: JSON.stringify(info), superpixel_pixels: JSON.stringify([...superpixelPixels]) };
}

function keysOf(
  { superpixel, voxel, x, y, z, ray }: KeyColumns,
  entries: ReadonlyMap<string, string>,
): Omit<IncidenceKeys, 'pixels'> {
  const superpixelPixels = Uint32Array.from(JSON.parse(entries.get('superpixel_pixels') ?? '[]'));
  const superpixels = superpixelPixels.length;
  const rowStart = new Uint32Array(superpixels + 1);
  for (const r of superpixel) rowStart[r + 1]++;
  for (let r = 0; r < superpixels; r++) rowStart[r + 1] += rowStart[r];
  const voxelCount = voxel.reduce((most, v) => Math.max(most, v + 1), 0);
  const voxels = new Int32Array(3 * voxelCount);
  const rays = new Uint8Array(voxelCount);
  for (let row = 0; row < voxel.length; row++) {
    const v = voxel[row];
    rays[v] = ray[row];
    voxels[3 * v] = x[row];
    voxels[3 * v + 1] = y[row];
    voxels[3 * v + 2] = z[row];
  }
  return { superpixels, superpixelPixels, rowStart, voxel, voxels, rays };
}

function infoOf(entries: ReadonlyMap<string, string>): FrameInfo {
  return JSON.parse(entries.get('frame') ?? '{}') as FrameInfo;
}

function sizeOf(entries: ReadonlyMap<string, string>): { width: number; height: number } {
  return { width: Number(entries.get('width')), height: Number(entries.get('height')) };
}

function text(values: Record<string, number>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, `${value}`]));
}
