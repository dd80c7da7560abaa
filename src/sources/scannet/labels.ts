import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BadFrameError, UserError } from '../../errors.js';
import { IGNORE } from '../../frame.js';
import { greyBits } from '../image-header.js';
import { readLines } from '../lines.js';
import { NYU40_CLASSES } from '../viewal-layout.js';

/** ScanNet's table of its label ids, in the root of its download. */
export const LABEL_TABLE = 'scannetv2-labels.combined.tsv';

/** Folders of label images, the filtered ones first, in which stray labels have been taken out. */
export const LABEL_FOLDERS = ['label-filt', 'label'] as const;

/** What the folder of a scan is called. */
export const SCENE = /^scene\d{4}_\d{2}$/;

/** What stored labels are: the annotators' own ids, in 16-bit images, or NYU40 ids, in 8-bit ones. */
export type LabelKind = 'raw' | 'nyu40';

/**
 * The class of a stored label, by what `FileLayout.classOf` wants.
 *
 * All 40 classes of NYU40, and not the 20 of ScanNet's benchmark: the paper used them, our ViewAL layout has them, and the benchmark's
 * can be had of them, not the other way round.
 */
export type ClassOf = (stored: number) => number | undefined;

/** NYU40 ids count from 1; 0 and what lies above 40 is unlabelled. */
export const nyu40Class: ClassOf = (stored) =>
  stored >= 1 && stored <= NYU40_CLASSES.length ? stored - 1 : IGNORE;

/** Bytes from which a PNG's bits can be told. */
const HEADER_BYTES = 32;
/** How many damaged label images are passed over in search of one that tells. */
const TRIES = 16;

/**
 * Which kind a scene's label images are, off the header of the first that has one. (ScanNet's own converter writes 8 bits; its
 * releases have 16.)
 * @param names relative to the recording
 * @returns the kind and a file of it, undefined where none tells
 */
export async function labelKind(
  path: string,
  names: readonly string[],
): Promise<[LabelKind, string] | undefined> {
  for (const name of names.slice(0, TRIES)) {
    try {
      const file = await open(join(path, name), 'r');
      try {
        const { buffer, bytesRead } = await file.read(new Uint8Array(HEADER_BYTES), 0, HEADER_BYTES, 0);
        return [kindOf(buffer.subarray(0, bytesRead), name), name];
      } finally {
        await file.close();
      }
    } catch {
      // Reading the frame says what is wrong with its label.
    }
  }
  return undefined;
}

/** @throws BadFrameError where it is no greyscale PNG */
export function kindOf(head: Uint8Array, name: string): LabelKind {
  return greyBits(head, name) === 16 ? 'raw' : 'nyu40';
}

/**
 * How a recording's labels become classes.
 * @param kinds what they are, with a file of that kind
 * @param folders where ScanNet's table may lie, the first that has it
 * @throws UserError where both kinds are mixed, or the table is needed and is missing or damaged
 */
export async function labelClasses(
  kinds: ReadonlyMap<LabelKind, string>,
  folders: readonly string[],
): Promise<ClassOf> {
  const raw = kinds.get('raw');
  if (raw === undefined) return nyu40Class;
  const nyu40 = kinds.get('nyu40');
  if (nyu40 !== undefined) {
    throw new UserError(
      `${raw} holds 16-bit labels and ${nyu40} 8-bit ones: expected one kind in a recording.`,
    );
  }
  for (const folder of folders) {
    const table = await readTable(folder);
    if (table !== undefined) return (stored) => nyu40Class(table.get(stored) ?? 0);
  }
  throw new UserError(
    `${raw} holds ScanNet's own label ids (16 bits): expected ${LABEL_TABLE}, which says what they are, in ${folders.join(' or ')}.`,
  );
}

/** The folder of a scene, its parent and the parent's parent: a download keeps scenes in `scans/` beside its lists. */
export function foldersAbove(path: string): string[] {
  const parent = dirname(path);
  return [...new Set([path, parent, dirname(parent)])];
}

/** NYU40 ids by ScanNet's; undefined where the table is not there. @throws UserError where it is no such table */
async function readTable(folder: string): Promise<ReadonlyMap<number, number> | undefined> {
  const shown = join(folder, LABEL_TABLE);
  const lines = await readLines(folder, LABEL_TABLE).catch((error: unknown) => {
    if (!(error instanceof BadFrameError)) throw error;
    if (error.reason === 'missing') return undefined;
    throw new UserError(`${shown}: ${error.reason}.`);
  });
  if (lines === undefined) return undefined;
  const header = lines[0]?.text.split('\t') ?? [];
  const [id, nyu40] = [header.indexOf('id'), header.indexOf('nyu40id')];
  if (id < 0 || nyu40 < 0) throw new UserError(`${shown}: expected a table with columns id and nyu40id.`);
  const table = new Map<number, number>();
  for (const { number, text } of lines.slice(1)) {
    const cells = text.split('\t');
    const [from, to] = [Number(cells[id]), Number(cells[nyu40])];
    if (!Number.isInteger(from) || !Number.isInteger(to)) {
      throw new UserError(`${shown}, line ${number}: expected whole numbers for id and nyu40id.`);
    }
    table.set(from, to);
  }
  return table;
}
