import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { isMissing } from '../files.js';
import type { Dataset } from './dataset.js';

/** The frames that the paper's code was published with, as it calls them. */
export interface PublishedLists {
  readonly frames: ReadonlySet<string>;
  /** Undefined where there is no list of them. */
  readonly seeds: ReadonlySet<string> | undefined;
}

/** A name a line. */
const FRAMES = ['train_frames.txt', 'val_frames.txt', 'test_frames.txt'];
const SEEDS = 'seedset_0_frames.txt';

/**
 * Reads `dataset/<name>/selections` of the published code.
 * @throws UserError where there is no list, or the data set's lists name no file of its download
 */
export async function readPublishedLists(folder: string, dataset: Dataset): Promise<PublishedLists> {
  if (dataset.publishedName === undefined)
    throw new UserError(
      `The published lists of ${dataset.title} number its views anew, so that they name no file of a download: prepare it without.`,
    );
  const lists = await Promise.all(FRAMES.map((file) => namesIn(join(folder, file))));
  const frames = new Set(lists.flatMap((names) => names ?? []));
  if (frames.size === 0)
    throw new UserError(
      `${folder} holds no published lists: expected at least one of ${FRAMES.join(', ')}, with a frame a line.`,
    );
  const seeds = await namesIn(join(folder, SEEDS));
  return { frames, seeds: seeds && new Set(seeds) };
}

async function namesIn(path: string): Promise<string[] | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    return text.split(/\s+/).filter((name) => name !== '');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
