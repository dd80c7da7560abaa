import { UserError } from '../../errors.js';
import { frameName } from '../../frame.js';
import type { FrameEntry, Recording } from '../../sources/recording.js';
import type { RunOptions } from '../options.js';
import { labelledFrames, readList } from '../training/labelled-frames.js';
import type { GivenLearning, LearningOptions } from './options.js';

/**
 * Options with the frames that files name in the files' place: what counts, and is kept, is what a list says.
 * @throws UserError where a file is not there, or names what is no labelled frame of the recording
 */
export async function readLists(
  given: GivenLearning,
  recording: Recording,
): Promise<Partial<LearningOptions>> {
  const { seedSet, test, ...others } = given;
  const listed = async (option: 'seedSet' | 'test', value: typeof seedSet) => {
    if (typeof value !== 'string') return value;
    const names = await readList(option, value, recording, 'a share in percent');
    if (names.size === 0) throw new UserError(`Option ${option}: ${value} names no labelled frame.`);
    return recording.frames.map(frameName).filter((name) => names.has(name));
  };
  return {
    ...others,
    ...(seedSet === undefined ? {} : { seedSet: await listed('seedSet', seedSet) }),
    ...(test === undefined ? {} : { test: await listed('test', test) }),
  };
}

/** What the labelled frames of a recording are for. */
export interface LearningFrames {
  /** The recording less the test frames: what may be labelled. */
  readonly pool: Recording;
  /** The recording's test frames: labelled, and never in the pool. */
  readonly test: Recording;
  /** Names of frames of the pool that choose among networks while training: never selected. */
  readonly validation: ReadonlySet<string>;
}

/** @throws UserError where there are too few, or one is for two things */
export async function learningFrames(
  recording: Recording,
  options: RunOptions,
  { test: kept, seedSet }: Pick<LearningOptions, 'test' | 'seedSet'>,
): Promise<LearningFrames> {
  const labelled = recording.frames.filter((entry) => entry.labelled);
  const isTest = typeof kept === 'number' ? drawn(recording, labelled, kept) : within(kept);
  const pool = { ...recording, frames: labelled.filter((entry) => !isTest(entry)) };
  const test = { ...recording, frames: labelled.filter(isTest) };
  if (pool.frames.length === 0)
    throw new UserError(
      `All ${labelled.length} labelled frames of ${recording.path} are kept for testing: expected some to learn from.`,
    );
  const seeds = typeof seedSet === 'number' ? [] : seedSet;
  refuseBoth(seeds, new Set(test.frames.map(frameName)), 'for testing');
  const { validation } = await labelledFrames(pool, options, new Set(seeds));
  refuseBoth(seeds, validation, 'for validation');
  return { pool, test, validation };
}

/** Whole scenes where there are several: frames of one scene are too much alike to test on. */
function drawn(
  { path }: Recording,
  labelled: readonly FrameEntry[],
  percent: number,
): (entry: FrameEntry) => boolean {
  const scenes = [...new Set(labelled.map(({ scene }) => scene))];
  const units = scenes.length > 1 ? scenes.length : labelled.length;
  if (units < 2)
    throw new UserError(
      `${path} has ${labelled.length} labelled frames: expected at least 2, to learn from and to test on.`,
    );
  const kept = Math.min(units - 1, Math.max(1, Math.round((percent / 100) * units)));
  if (scenes.length === 1) return within(labelled.slice(-kept).map(frameName));
  const held = new Set(scenes.slice(-kept));
  return ({ scene }) => held.has(scene);
}

function within(names: readonly string[]): (entry: FrameEntry) => boolean {
  const listed = new Set(names);
  return (entry) => listed.has(frameName(entry));
}

function refuseBoth(seeds: readonly string[], kept: ReadonlySet<string>, purpose: string): void {
  const both = seeds.find((name) => kept.has(name));
  if (both !== undefined)
    throw new UserError(`${both} is in the seed set and kept ${purpose}: expected it in one of the two.`);
}
