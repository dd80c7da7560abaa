import { z } from 'zod';
import { UserError } from '../../errors.js';
import { checkTimes, PAPER_TIMES } from '../../labels/effort.js';

/** Names of frames, `scene/frame`, in the recording's order. */
const frames = z.array(z.string()).min(1).readonly();

const SEED_SET = 'expected a share of the pool in percent, above 0 and at most 100, or a file of frames';
const TEST = 'expected a share of the scenes in percent, above 0 and below 100, or a file of frames';

/** Options of active learning on top of a run's, as `run.json` keeps them. */
export const learningOptions = z.strictObject({
  strategy: z.string().default('viewal+sample+carry').describe('what chooses the regions to label'),
  rounds: z
    .int('expected a whole number of rounds')
    .min(0)
    .max(1000)
    .default(6)
    .describe('rounds of selection after the seed set'),
  seedSet: z
    .union([z.number().positive(SEED_SET).max(100, SEED_SET), frames], SEED_SET)
    .default(1.5)
    .describe(
      'images labelled whole before the first round: percent of the pool, drawn at random, or a file of scene/frame or scene lines',
    ),
  test: z
    .union([z.number().positive(TEST).lt(100, TEST), frames], TEST)
    .default(20)
    .describe(
      'what is kept for testing: percent of the scenes, the last by name (of the frames where there is one scene), or a file of scene/frame or scene lines',
    ),
  imageMinutes: z
    .number('expected a number of minutes')
    .default(PAPER_TIMES.imageMinutes)
    .describe('what labelling a whole image takes a person, minutes'),
  superpixelMinutes: z
    .number('expected a number of minutes')
    .default(PAPER_TIMES.superpixelMinutes)
    .describe('what labelling a superpixel takes a person, minutes: one click'),
});
export type LearningOptions = z.output<typeof learningOptions>;

/** As on the command line, where a file may name frames. */
export type GivenLearning = Partial<
  Omit<LearningOptions, 'seedSet' | 'test'> & Record<'seedSet' | 'test', number | string | readonly string[]>
>;

/** @throws UserError naming the option and what was expected */
export function parseLearning(given: Partial<LearningOptions>): LearningOptions {
  const result = learningOptions.safeParse(given);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new UserError(`Option ${issue.path.join('.') || 'unknown'}: ${issue.message}.`);
  }
  const { imageMinutes, superpixelMinutes } = result.data;
  checkTimes({ imageMinutes, superpixelMinutes });
  return result.data;
}
