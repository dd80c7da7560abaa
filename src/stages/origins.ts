import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BadFrameError } from '../errors.js';
import type { Size } from '../frame.js';
import { digest } from '../hash.js';
import type { ProbabilityMap } from '../model/probability-map.js';
import { PROBABILITY_FILE_ENDINGS, readProbabilities } from '../sources/probability-files.js';
import type { FrameEntry } from '../sources/recording.js';
import { ID_FILE_ENDINGS, readIds } from '../sources/superpixel-files.js';
import { relabel } from '../superpixels/connected.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import { readArrow, readArrowMetadata } from '../tables/arrow.js';
import { type FrameId, probabilityTable, superpixelTable } from '../tables/frame-tables.js';
import { type PROBABILITIES, SUPERPIXELS } from '../tables/schemas.js';
import type { Run } from './run.js';

/** A file of the user's own that is used instead of computing. */
export interface OwnFile {
  readonly path: string;
  /** Changes when the file does. */
  readonly key: string;
  /** It lies in the table's own place in the run folder: used as it is, never overwritten. */
  readonly dropped: boolean;
}

/** Keys of a frame's tables, and the user's own files that are used instead of computing. */
export interface FrameKeys {
  readonly superpixels: string;
  readonly probabilities: string;
  readonly incidences: string;
  readonly own: { readonly superpixels?: OwnFile | undefined; readonly probabilities?: OwnFile | undefined };
}

type Table = typeof SUPERPIXELS | typeof PROBABILITIES;

/**
 * The user's own file for a frame's superpixels or probabilities, if there is one. Looked for, in this order: dropped
 * in the run folder, in the folder given as an option, in the recording's own layout.
 */
export async function ownFileOf(run: Run, table: Table, entry: FrameEntry): Promise<OwnFile | undefined> {
  const inTable = run.folder.frameFile(table.name, entry);
  const metadata = await readArrowMetadata(inTable);
  if (metadata !== undefined && metadata.key === undefined) return describe(inTable, true);

  const endings = table === SUPERPIXELS ? ID_FILE_ENDINGS : PROBABILITY_FILE_ENDINGS;
  const folder = table === SUPERPIXELS ? run.options.superpixels : run.options.probabilities;
  const candidates = endings
    .filter((ending) => ending !== 'arrow')
    .map((ending) => run.folder.frameFile(table.name, entry, ending));
  if (folder !== null)
    for (const ending of endings)
      for (const name of [join(entry.scene, entry.id), entry.id, `${entry.scene}_${entry.id}`])
        candidates.push(join(folder, `${name}.${ending}`));
  const layout = table === SUPERPIXELS ? run.recording.superpixelFile(entry) : undefined;
  if (layout !== undefined) candidates.push(layout);
  const path = candidates.find((candidate) => existsSync(candidate));
  return path === undefined ? undefined : describe(path, false);
}

function describe(path: string, dropped: boolean): OwnFile {
  const { size, mtimeMs } = statSync(path);
  return { path, key: digest('own', path, size, Math.trunc(mtimeMs)), dropped };
}

/** Reads own superpixel ids and numbers them 0 to count − 1. @throws BadFrameError */
export async function readOwnSuperpixels(file: OwnFile, size: Size): Promise<Superpixels> {
  if (!file.dropped) return relabel(await readIds(file.path, size), size);
  const found = await readArrow(file.path, SUPERPIXELS).catch((error: Error) => {
    throw new BadFrameError(file.path, error.message);
  });
  const ids = found?.columns.superpixel;
  if (ids?.length !== size.width * size.height)
    throw new BadFrameError(file.path, `has ${ids?.length} rows, expected ${size.width}·${size.height}`);
  return relabel(ids, size);
}

/** The superpixels that a frame's scores speak of; undefined where none are stored. @throws BadFrameError */
export function storedSuperpixels(
  run: Run,
  frame: FrameId,
  keys: FrameKeys,
): Promise<Superpixels | undefined> {
  const own = keys.own.superpixels;
  return own?.dropped ? readOwnSuperpixels(own, run.size) : superpixelTable(run.folder).read(frame);
}

/** The probabilities that a frame's scores were computed from; undefined where none are stored. @throws BadFrameError */
export function storedProbabilities(
  run: Run,
  frame: FrameId,
  keys: FrameKeys,
): Promise<ProbabilityMap | undefined> {
  const own = keys.own.probabilities;
  return own?.dropped ? readProbabilities(own.path, run.size) : probabilityTable(run.folder).read(frame);
}
