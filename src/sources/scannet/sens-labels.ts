import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BadFrameError, UserError } from '../../errors.js';
import { listFolder, readBytes } from '../input-files.js';
import { stampDigest, stampsOf } from '../stamps.js';
import { openZip } from '../zip-file.js';
import { kindOf, LABEL_FOLDERS, type LabelKind, labelKind } from './labels.js';

/** A label image of the size of any camera's takes less. */
const MAX_LABEL_BYTES = 2 ** 25;

/** The label images of one scan, which lie beside its `.sens` file. */
export interface SensLabels {
  /** What they are, and a file of that kind; undefined where none tells. */
  readonly kind: readonly [LabelKind, string] | undefined;
  has(number: number): boolean;
  /** Digest that changes when the label does. @throws BadFrameError where it cannot be looked up */
  fingerprint(number: number): Promise<string>;
  /** How messages name the image. */
  nameOf(number: number): string;
  /** @throws BadFrameError where it cannot be read */
  read(number: number): Promise<Uint8Array>;
}

const LABEL_IMAGE = /^0*(\d+)\.png$/;

/**
 * Finds a scan's labels: in a folder `label-filt/` or `label/` (where its folder holds no other scan), in one under
 * `<scan>_2d-label-filt/`, or in the archive `<scan>_2d-label-filt.zip` as it was downloaded, which is read where it is.
 * @param path the `.sens` file, absolute
 * @param root the recording: names are relative to it
 * @param isAlone whether its folder holds no other scan
 * @returns undefined where there are none
 */
export async function findLabels(
  path: string,
  root: string,
  isAlone: boolean,
): Promise<SensLabels | undefined> {
  const folder = dirname(path);
  const scan = basename(path).replace(/\.sens$/i, '');
  for (const kind of LABEL_FOLDERS) {
    const places = [...(isAlone ? [kind] : []), `${scan}_2d-${kind}/${kind}`, `${scan}_2d-${kind}`];
    for (const place of places) {
      const labels = await inFolder(root, join(folder, place));
      if (labels !== undefined) return labels;
    }
    const labels = await inArchive(root, join(folder, `${scan}_2d-${kind}.zip`));
    if (labels !== undefined) return labels;
  }
  return undefined;
}

async function inFolder(root: string, folder: string): Promise<SensLabels | undefined> {
  const isThere = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isThere) return undefined;
  const prefix = relativeTo(root, folder);
  const names = new Map<number, string>();
  for (const file of (await listFolder(folder)).files) {
    const number = LABEL_IMAGE.exec(file)?.[1];
    if (number !== undefined) names.set(Number(number), `${prefix}/${file}`);
  }
  if (names.size === 0) return undefined;
  const nameOf = (number: number) => names.get(number)!;
  return {
    kind: await labelKind(root, [...names.values()]),
    has: (number) => names.has(number),
    fingerprint: async (number) => stampDigest(await stampsOf(root, [nameOf(number)])),
    nameOf,
    read: (number) => readBytes(join(root, nameOf(number)), nameOf(number)),
  };
}

async function inArchive(root: string, path: string): Promise<SensLabels | undefined> {
  const isThere = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  if (!isThere) return undefined;
  const shown = relativeTo(root, path);
  const zip = await openZip(path, shown).catch((error: unknown) => {
    if (error instanceof BadFrameError) throw new UserError(`${join(root, error.file)}: ${error.reason}.`);
    throw error;
  });
  const entries = new Map<number, string>();
  if (zip.damage !== undefined && zip.entries.size === 0) throw new UserError(`${path}: ${zip.damage}.`);
  for (const name of zip.entries.keys()) {
    const number = LABEL_IMAGE.exec(name.slice(name.lastIndexOf('/') + 1))?.[1];
    if (number !== undefined) entries.set(Number(number), name);
  }
  const stamp = await stampsOf(root, [shown]);
  const nameOf = (number: number) => `${shown}, ${entries.get(number)}`;
  const read = (number: number) => zip.read(entries.get(number)!, MAX_LABEL_BYTES);
  return {
    kind: await firstKind([...entries.keys()], read, nameOf),
    has: (number) => entries.has(number),
    fingerprint: async (number) => stampDigest(`${stamp}\0${entries.get(number)}`),
    nameOf,
    read,
  };
}

/** How many damaged label images are passed over in search of one that tells. */
const TRIES = 16;

async function firstKind(
  numbers: readonly number[],
  read: (number: number) => Promise<Uint8Array>,
  nameOf: (number: number) => string,
): Promise<[LabelKind, string] | undefined> {
  for (const number of numbers.slice(0, TRIES)) {
    try {
      return [kindOf(await read(number), nameOf(number)), nameOf(number)];
    } catch (error) {
      // Reading the frame says what is wrong with its label.
      if (!(error instanceof BadFrameError)) throw error;
    }
  }
  return undefined;
}

function relativeTo(root: string, path: string): string {
  return path.slice(root.length + 1).replaceAll('\\', '/');
}
