import { type Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import { type RunOptions, runOptions } from '../stages/options.js';

type Name = keyof RunOptions;

/** How each option of a run stands on the command line; descriptions and defaults come from the schema. */
const FLAGS: Record<Name, string> = {
  format: '--format <name>',
  size: '--size <size>',
  labelled: '--labelled <which>',
  model: '--model <folder>',
  width: '--width <width>',
  head: '--head <size>',
  steps: '--steps <n>',
  draws: '--draws <n>',
  backend: '--backend <name>',
  workers: '--workers <n>',
  superpixelCount: '--superpixel-count <n>',
  superpixels: '--superpixels <folder>',
  probabilities: '--probabilities <folder>',
  voxel: '--voxel <metres>',
  views: '--views <how>',
  budget: '--budget <amount>',
  seed: '--seed <n>',
};

const NUMBERS: ReadonlySet<Name> = new Set([
  'width',
  'steps',
  'draws',
  'workers',
  'superpixelCount',
  'voxel',
  'seed',
]);

/** Adds options of a run to a command. */
export function addRunOptions(command: Command, names: readonly Name[]): Command {
  for (const name of names) {
    const field: z.ZodType = runOptions.shape[name];
    const standard = field.parse(undefined);
    const shown = standard === null ? '' : ` (default: ${standard})`;
    const option = new Option(FLAGS[name], `${field.description}${shown}`);
    command.addOption(NUMBERS.has(name) ? option.argParser(number) : option);
  }
  return command;
}

/** Those options of a run that the user gave. */
export function givenRunOptions(values: Record<string, unknown>): Partial<RunOptions> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in FLAGS));
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}
