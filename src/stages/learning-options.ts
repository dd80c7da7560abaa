import { z } from 'zod';
import { UserError } from '../errors.js';

/** Options of active learning on top of a run's, as `run.json` keeps them. */
export const learningOptions = z.strictObject({
  strategy: z.string().default('viewal').describe('what chooses the regions to label'),
  rounds: z
    .int('expected a whole number of rounds')
    .min(0)
    .max(1000)
    .default(6)
    .describe('rounds of selection after the seed set'),
  seedSet: z
    .number('expected a share of the pool in percent')
    .positive('expected a share above 0')
    .max(100, 'expected at most 100')
    .default(1.5)
    .describe('images labelled whole before the first round, percent of the pool, drawn at random'),
  test: z
    .number('expected a share of the scenes in percent')
    .positive('expected a share above 0')
    .lt(100, 'expected a share below 100')
    .default(20)
    .describe('scenes kept for testing, percent, the last by name; frames where there is one scene'),
});
export type LearningOptions = z.output<typeof learningOptions>;

/** @throws UserError naming the option and what was expected */
export function parseLearning(given: Partial<LearningOptions>): LearningOptions {
  const result = learningOptions.safeParse(given);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new UserError(`Option ${issue.path.join('.') || 'unknown'}: ${issue.message}.`);
}
