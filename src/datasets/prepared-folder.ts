import { access, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { isLeftover, isMissing, writeFileAtomically } from '../files.js';
import { frameName } from '../frame.js';
import { random, seedOf, shuffle } from '../random.js';
import { type FrameId, inOrder } from '../sources/file-recording.js';
import { type Folder, listFolder } from '../sources/input-files.js';
import { DEPTH_SCALE, ownFrameFiles } from '../sources/own-frame-files.js';
import { type Dataset, SPLITS, type Split } from './dataset.js';

/** Share of the training images that make the seed set (paper, §4.1). */
const SEED_SHARE = 0.015;

const SETTINGS = 'recording.json';
const CLAIM = 'preparation.json';
const LEFT_OUT = 'left-out.txt';

/** A frame that a prepared folder holds whole. */
export interface WrittenFrame extends FrameId {
  readonly labelled: boolean;
}

/** Frames of a finished folder, by what they are for. */
export interface PreparedLists extends Readonly<Record<Split, readonly WrittenFrame[]>> {
  /** Training images whose labels are known at the start. */
  readonly seeds: readonly WrittenFrame[];
}

/**
 * Refuses a folder that is neither new nor empty, nor begun with the same choices.
 * @throws UserError saying what it holds
 */
export async function refuseForeign(out: string, choices: object): Promise<void> {
  const known = await readIfThere(join(out, CLAIM));
  if (known === written(choices)) return;
  if (known !== undefined)
    throw new UserError(
      `${out} was begun with another data set or other published lists: choose another folder or remove it.`,
    );
  const { files, folders } = await listIfThere(out);
  const foreign = [...files.filter((file) => !file.startsWith(`${CLAIM}.`)), ...folders];
  if (foreign.length > 0)
    throw new UserError(
      `${out} holds ${foreign[0]}: expected a new or empty folder, or one that an earlier call began.`,
    );
}

/** Notes the choices in the folder, for later calls. */
export async function claim(out: string, choices: object): Promise<void> {
  await keep(join(out, CLAIM), written(choices));
}

/** Frames of a scene that are there whole, by id; what a killed call left half written is removed. */
export async function writtenFrames(out: string, scene: string): Promise<ReadonlyMap<string, WrittenFrame>> {
  const { files } = await listIfThere(join(out, scene));
  await removeLeftovers(join(out, scene), files);
  const present = new Set(files);
  const isWhole = (id: string, labelled: boolean) =>
    ownFrameFiles(id, labelled).every((file) => present.has(file));
  const frames = new Map<string, WrittenFrame>();
  for (const file of files) {
    const id = /^(.+)\.pose\.txt$/.exec(file)?.[1];
    if (id !== undefined && isWhole(id, false)) frames.set(id, { scene, id, labelled: isWhole(id, true) });
  }
  return frames;
}

async function removeLeftovers(folder: string, files: readonly string[]): Promise<void> {
  await Promise.all(files.filter(isLeftover).map((file) => rm(join(folder, file), { force: true })));
}

/** Makes a folder that is about to change no recording, until `finish`: nobody is to read half of it. */
export async function reopen(out: string): Promise<void> {
  await rm(join(out, SETTINGS), { force: true });
}

/**
 * Writes the lists of all frames that the folder holds, from this call and from earlier ones, and last the settings that
 * make it a recording.
 *
 * @param seeds names of training frames that are the seed set; a number instead draws it, with that seed
 * @param leftOut a line for each frame that could not be used
 * @throws UserError where there is no frame, or the disk is full
 */
export async function finish(
  out: string,
  dataset: Dataset,
  classes: readonly string[],
  seeds: number | ReadonlySet<string>,
  leftOut: readonly string[],
): Promise<PreparedLists> {
  const lists: Record<Split, WrittenFrame[]> = { training: [], validation: [], test: [] };
  const { files, folders } = await listFolder(out);
  await removeLeftovers(out, files);
  for (const scene of folders) {
    const split = dataset.splitOf(scene);
    if (split !== undefined) lists[split].push(...(await writtenFrames(out, scene)).values());
  }
  for (const split of SPLITS) lists[split] = inOrder(lists[split]);
  if (SPLITS.every((split) => lists[split].length === 0))
    throw new UserError(`Not one frame could be prepared: the warnings above say why.`);
  const seedSet = chooseSeeds(lists.training, dataset, seeds);
  await writeList(out, 'labelled.txt', seedSet.map(frameName));
  await writeList(out, 'validation.txt', scenesOf(lists.validation));
  await writeList(out, 'test.txt', scenesOf(lists.test));
  await writeList(out, LEFT_OUT, leftOut);
  const isLabelled = SPLITS.some((split) => lists[split].some(({ labelled }) => labelled));
  const settings = { ...(isLabelled ? { classes } : {}), depthScale: DEPTH_SCALE, dataset: dataset.title };
  await keep(join(out, SETTINGS), written(settings));
  return { ...lists, seeds: seedSet };
}

function chooseSeeds(
  training: readonly WrittenFrame[],
  dataset: Dataset,
  seeds: number | ReadonlySet<string>,
): WrittenFrame[] {
  const labelled = training.filter((frame) => frame.labelled);
  if (typeof seeds !== 'number')
    return labelled.filter((frame) => seeds.has(dataset.publishedName?.(frame) ?? frameName(frame)));
  if (labelled.length === 0) return [];
  const count = Math.max(1, Math.floor(SEED_SHARE * training.length));
  const drawn = shuffle([...labelled], random(seedOf(seeds, 'seed set'))).slice(0, count);
  return inOrder(drawn);
}

/** Names of scenes, in order. */
export function scenesOf(frames: readonly FrameId[]): string[] {
  return [...new Set(frames.map(({ scene }) => scene))];
}

/** An empty list would stand for "no frame", where none at all leaves the choice to the run. */
async function writeList(out: string, file: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) await rm(join(out, file), { force: true });
  else await keep(join(out, file), lines.map((line) => `${line}\n`).join(''));
}

/** Leaves a file alone that is right already: its date says when it changed. */
async function keep(path: string, text: string): Promise<void> {
  if ((await readIfThere(path)) !== text) await writeFileAtomically(path, text);
}

function written(settings: object): string {
  return `${JSON.stringify(settings, null, 2)}\n`;
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

async function listIfThere(path: string): Promise<Folder> {
  return (await isThere(path)) ? listFolder(path) : { files: [], folders: [] };
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (error: unknown) => !isMissing(error),
  );
}
