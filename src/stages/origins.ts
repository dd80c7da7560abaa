import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BadFrameError } from '../errors.js';
import type { Size } from '../frame.js';
import { digest } from '../hash.js';
import type { ProbabilityMap } from '../model/probability-map.js';
import { PROBABILITY_FILE_ENDINGS, readProbabilities } from '../sources/probability-files.js';
import type { FrameEntry } from '../sources/recording.js';
import { ID_FILE_ENDINGS, readIds } from '../sources/superpixel-files.js';
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
  readonly footprint: string;
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
  const home = table === SUPERPIXELS ? run.shared : run.folder;
  const inTable = home.frameFile(table.name, entry);
  const metadata = await readArrowMetadata(inTable);
  if (metadata !== undefined && metadata.key === undefined) return describe(inTable, true);

  const endings = table === SUPERPIXELS ? ID_FILE_ENDINGS : PROBABILITY_FILE_ENDINGS;
  const folder = table === SUPERPIXELS ? run.options.superpixels : run.options.probabilities;
  // Scenes often number their frames alike, so the id alone will do only where there is one scene.
  const alone = run.scenes.size === 1 ? [entry.id] : [];
  const candidates = endings
    .filter((ending) => ending !== 'arrow')
    .map((ending) => home.frameFile(table.name, entry, ending));
  if (folder !== null)
    for (const ending of endings)
      for (const name of [join(entry.scene, entry.id), `${entry.scene}_${entry.id}`, ...alone])
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

/**
 * Reads own superpixel ids. They stay as they are, so that what is selected can be found in the user's own file; ids
 * that are not used in it are superpixels without pixels.
 * @throws BadFrameError
 */
export async function readOwnSuperpixels(file: OwnFile, size: Size): Promise<Superpixels> {
  const ids = file.dropped ? await droppedIds(file, size) : await readIds(file.path, size);
  let greatest = 0;
  for (const id of ids) if (id > greatest) greatest = id;
  if (greatest > 0xffff) throw new BadFrameError(file.path, `holds id ${greatest}, expected ids up to 65535`);
  return { width: size.width, height: size.height, count: greatest + 1, ids: Uint16Array.from(ids) };
}

async function droppedIds(file: OwnFile, size: Size): Promise<Uint16Array> {
  const found = await readArrow(file.path, SUPERPIXELS).catch((error: Error) => {
    throw new BadFrameError(file.path, error.message);
  });
  const ids = found?.columns.superpixel;
  if (ids?.length !== size.width * size.height)
    throw new BadFrameError(file.path, `has ${ids?.length} rows, expected ${size.width}·${size.height}`);
  return ids;
}

/** The superpixels that a frame's scores speak of; undefined where none are stored. @throws BadFrameError */
export function storedSuperpixels(
  run: Run,
  frame: FrameId,
  keys: FrameKeys,
): Promise<Superpixels | undefined> {
  const own = keys.own.superpixels;
  return own?.dropped
    ? readOwnSuperpixels(own, run.size)
    : superpixelTable(run.shared).read(frame, keys.superpixels);
}

/** The probabilities that a frame's scores were computed from; undefined where none are stored. @throws BadFrameError */
export function storedProbabilities(
  run: Run,
  frame: FrameId,
  keys: FrameKeys,
): Promise<ProbabilityMap | undefined> {
  const own = keys.own.probabilities;
  return own?.dropped
    ? readProbabilities(own.path, run.size)
    : probabilityTable(run.folder).read(frame, keys.probabilities);
}
