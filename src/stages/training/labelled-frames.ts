import { readFile } from 'node:fs/promises';
import { UserError } from '../../errors.js';
import { isMissing } from '../../files.js';
import { frameName } from '../../frame.js';
import { random, seedOf, shuffle } from '../../random.js';
import { parseFrameList } from '../../sources/frame-list.js';
import type { Recording } from '../../sources/recording.js';
import type { RunOptions } from '../options.js';

/** Share of the frames that makes a seed set where every frame is labelled, and its least size. */
const SEED_SHARE = 0.1;
const SEED_FRAMES = 4;

/** Frames whose labels are known to the run: names, `scene/frame`, none in both. */
export interface LabelledFrames {
  readonly training: ReadonlySet<string>;
  readonly validation: ReadonlySet<string>;
}

type Options = Pick<
  RunOptions,
  'labelled' | 'validation' | 'profile' | 'seed' | 'model' | 'probabilities' | 'labels'
>;

/**
 * Which frames' labels are trained on, and which choose among networks; their superpixels are labelled, so none of
 * them is selected.
 *
 * `labelled auto` takes the recording's own list where it has one, else every labelled frame. Where *all* frames are
 * labelled there would be nothing left to select: then the labels are ground truth, and a random seed set is trained
 * on (paper, §4.1); the rest is the pool, whose labels only measure.
 *
 * `validation auto` takes the recording's own list where it has one; else the paper's profile, which needs one to know
 * when training has converged, keeps a tenth of the frames that would be trained on.
 *
 * @param never frames that are not drawn for validation
 * @throws UserError where an option is no such thing, or asks for more labelled frames than there are
 */
export async function labelledFrames(
  recording: Recording,
  options: Options,
  never: ReadonlySet<string> = new Set(),
): Promise<LabelledFrames> {
  const labelled = recording.frames.filter((entry) => entry.labelled).map(frameName);
  const listed = await listedForValidation(recording, labelled, options.validation);
  const training = await trainingFrames(recording, labelled, listed, options);
  if (listed.size > 0) return { training, validation: listed };
  const size = validationSize(options, training.size);
  const validation = draw([...without(training, never)].sort(), size, options.seed, 'validation set');
  return { training: without(training, validation), validation };
}

function draw(names: readonly string[], count: number, seed: number, purpose: string): Set<string> {
  return new Set(shuffle([...names], random(seedOf(seed, purpose))).slice(0, count));
}

function without(names: Iterable<string>, taken: ReadonlySet<string>): Set<string> {
  return new Set([...names].filter((name) => !taken.has(name)));
}

/** Frames that a list names for validation: the option's file or the recording's own; empty where there is none. */
async function listedForValidation(
  recording: Recording,
  labelled: readonly string[],
  option: string,
): Promise<Set<string>> {
  if (option === 'auto') return new Set(labelled.filter((name) => recording.validationList?.has(name)));
  if (option === 'none' || parseAmount(option) !== undefined) return new Set();
  const named = await readList('validation', option, recording, `auto, none, ${AMOUNTS}`);
  if (named.size === 0) throw new UserError(`Option validation: ${option} names no labelled frame.`);
  return named;
}

/** How many of the training frames are kept for validation, where no list says which. */
function validationSize({ validation, profile }: Options, trained: number): number {
  if (validation === 'none' || trained === 0) return 0;
  if (validation === 'auto') return profile === 'paper' ? Math.floor(trained / 10) : 0;
  const amount = parseAmount(validation)!;
  const count = amount.isShare ? Math.max(1, Math.round((amount.value / 100) * trained)) : amount.value;
  if (!Number.isInteger(count) || count < 1 || count >= trained)
    throw new UserError(
      trained === 1
        ? 'Option validation: there is one labelled frame, and it is needed to train on.'
        : `Option validation: expected 1 to ${trained - 1} of the ${trained} labelled frames, got "${validation}".`,
    );
  return count;
}

async function trainingFrames(
  recording: Recording,
  labelled: readonly string[],
  validation: ReadonlySet<string>,
  options: Options,
): Promise<Set<string>> {
  const free = labelled.filter((name) => !validation.has(name));
  const { labelled: option, seed } = options;
  if (option === 'all') return new Set(free);
  if (option === 'auto') {
    if (recording.labelledList !== undefined)
      return new Set(free.filter((name) => recording.labelledList?.has(name)));
    if (labelled.length < recording.frames.length) return new Set(free);
    // A network from elsewhere was trained on other frames, and so is one on labels from elsewhere: all of these are the pool.
    if (options.model !== null || options.probabilities !== null || options.labels !== null) return new Set();
    const share = Math.max(SEED_FRAMES, Math.round(SEED_SHARE * free.length));
    return draw(free, Math.max(1, Math.min(free.length - 1, share)), seed, 'seed set');
  }

  const amount = parseAmount(option);
  if (amount !== undefined) {
    const count = amount.isShare ? Math.max(1, Math.round((amount.value / 100) * free.length)) : amount.value;
    if (!Number.isInteger(count) || count < 1 || count > free.length)
      throw new UserError(
        free.length === 0
          ? `Option labelled: ${recording.path} has no labelled frame to train on.`
          : `Option labelled: expected 1 to ${free.length}, the labelled frames of the recording, got "${option}".`,
      );
    return draw(free, count, seed, 'seed set');
  }

  const named = await readList('labelled', option, recording, `auto, all, ${AMOUNTS}`);
  const both = [...named].find((name) => validation.has(name));
  if (both !== undefined)
    throw new UserError(`${both} is to be trained on and to validate: expected it in one of the two lists.`);
  return named;
}

/** Whether an option that says which frames is something else than a file. */
export function isFrameCount(option: string): boolean {
  return ['auto', 'all', 'none'].includes(option) || AMOUNT.test(option);
}

/** `10%` or `12`. */
const AMOUNT = /^(\d+(?:\.\d+)?)(%?)$/;
const AMOUNTS = 'a share such as 10%, a number of frames';

function parseAmount(option: string): { value: number; isShare: boolean } | undefined {
  const amount = AMOUNT.exec(option);
  return amount === null ? undefined : { value: Number(amount[1]), isShare: amount[2] === '%' };
}

/**
 * Labelled frames that a file names. A scene stands for those of its frames that have labels.
 * @param otherwise what else the option may be
 * @throws UserError
 */
export async function readList(
  option: string,
  file: string,
  recording: Recording,
  otherwise: string,
): Promise<Set<string>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new UserError(
      `Option ${option}: expected ${otherwise}, or a file of scene/frame or scene lines; there is no file "${file}".`,
    );
  }
  const labelled = new Set(recording.frames.filter((entry) => entry.labelled).map(frameName));
  const names = parseFrameList(text, file, recording.frames);
  const lines = new Set(text.split('\n').map((line) => line.trim()));
  const unlabelled = [...names].find((name) => !labelled.has(name) && lines.has(name));
  if (unlabelled !== undefined)
    throw new UserError(`Option ${option}: ${file} names ${unlabelled}, which has no labels.`);
  return new Set([...names].filter((name) => labelled.has(name)));
}
