import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { isMissing } from '../files.js';
import { frameName } from '../frame.js';
import { random, seedOf, shuffle } from '../random.js';
import type { Recording } from '../sources/recording.js';
import type { RunOptions } from './options.js';

/** Share of the frames that makes a seed set where every frame is labelled, and its least size. */
const SEED_SHARE = 0.1;
const SEED_FRAMES = 4;

/**
 * Which frames' labels are trained on; their superpixels are labelled, so none of them is selected.
 *
 * `auto` takes the recording's own list where it has one, else every labelled frame. Where *all* frames are labelled
 * there would be nothing left to select: then the labels are ground truth, and a random seed set is trained on
 * (paper, §4.1); the rest is the pool, whose labels only measure.
 *
 * @returns names, `scene/frame`
 * @throws UserError where the option is no such thing, or asks for more labelled frames than there are
 */
export async function trainingFrames(
  recording: Recording,
  options: Pick<RunOptions, 'labelled' | 'seed' | 'model' | 'probabilities'>,
): Promise<Set<string>> {
  const labelled = recording.frames.filter((entry) => entry.labelled).map(frameName);
  const random_ = (count: number) =>
    new Set(shuffle([...labelled], random(seedOf(options.seed, 'seed set'))).slice(0, count));

  const { labelled: option } = options;
  if (option === 'all') return new Set(labelled);
  if (option === 'auto') {
    if (recording.labelledList !== undefined)
      return new Set(labelled.filter((name) => recording.labelledList?.has(name)));
    if (labelled.length < recording.frames.length) return new Set(labelled);
    // A network from elsewhere was trained on other frames: all of these are the pool.
    if (options.model !== null || options.probabilities !== null) return new Set();
    return random_(
      Math.max(
        1,
        Math.min(labelled.length - 1, Math.max(SEED_FRAMES, Math.round(SEED_SHARE * labelled.length))),
      ),
    );
  }

  const amount = /^(\d+(?:\.\d+)?)(%?)$/.exec(option);
  if (amount !== null) {
    const count =
      amount[2] === '%'
        ? Math.max(1, Math.round((Number(amount[1]) / 100) * labelled.length))
        : Number(amount[1]);
    if (!Number.isInteger(count) || count < 1 || count > labelled.length)
      throw new UserError(
        `Option labelled: expected 1 to ${labelled.length}, the labelled frames of the recording, got "${option}".`,
      );
    return random_(count);
  }

  let text: string;
  try {
    text = await readFile(option, 'utf8');
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new UserError(
      `Option labelled: expected auto, all, a share such as 10%, a number of frames, or a file of scene/frame lines; there is no file "${option}".`,
    );
  }
  const known = new Set(labelled);
  const names = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new UserError(
      `Option labelled: ${option} names ${unknown}, which is no labelled frame of the recording.`,
    );
  return new Set(names);
}
