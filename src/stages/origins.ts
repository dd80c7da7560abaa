import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BadFrameError } from '../errors.js';
import type { Frame } from '../frame.js';
import { digest } from '../hash.js';
import type { ProbabilityMap } from '../model/probability-map.js';
import { PROBABILITY_FILE_ENDINGS, readProbabilities } from '../sources/probability-files.js';
import type { FrameEntry } from '../sources/recording.js';
import { ID_FILE_ENDINGS, readIds } from '../sources/superpixel-files.js';
import { relabel } from '../superpixels/connected.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import { readArrow, readArrowMetadata } from '../tables/arrow.js';
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
export async function readOwnSuperpixels(file: OwnFile, frame: Frame): Promise<Superpixels> {
  if (!file.dropped) return relabel(await readIds(file.path, frame), frame);
  const found = await readArrow(file.path, SUPERPIXELS);
  const ids = found?.columns.superpixel;
  if (ids?.length !== frame.width * frame.height)
    throw new BadFrameError(file.path, `has ${ids?.length} rows, expected ${frame.width}·${frame.height}`);
  return relabel(ids, frame);
}

/** Reads an own probability map. @throws BadFrameError */
export function readOwnProbabilities(file: OwnFile, frame: Frame): Promise<ProbabilityMap> {
  return readProbabilities(file.path, frame);
}
