import { type Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import { type RunOptions, runOptions, TRAINING_OPTIONS } from '../stages/options.js';

type Name = keyof RunOptions;

/** How each option of a run stands on the command line; descriptions and defaults come from the schema. */
const FLAGS: Record<Name, string> = {
  format: '--format <name>',
  size: '--size <size>',
  labelled: '--labelled <which>',
  model: '--model <path>',
  validation: '--validation <which>',
  profile: '--profile <name>',
  width: '--width <width>',
  head: '--head <size>',
  init: '--init <weights>',
  steps: '--steps <n>',
  epochs: '--epochs <n>',
  patience: '--patience <epochs>',
  batch: '--batch <n>',
  crop: '--crop <size>',
  augment: '--augment <names>',
  learningRate: '--learning-rate <rate>',
  decayEpoch: '--decay-epoch <n>',
  momentum: '--momentum <share>',
  weightDecay: '--weight-decay <share>',
  classWeights: '--class-weights <how>',
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
  'epochs',
  'batch',
  'learningRate',
  'decayEpoch',
  'momentum',
  'weightDecay',
  'draws',
  'workers',
  'superpixelCount',
  'voxel',
  'seed',
]);

const TRAINING: ReadonlySet<Name> = new Set(TRAINING_OPTIONS);

/** Adds options of a run to a command. */
export function addRunOptions(command: Command, names: readonly Name[]): Command {
  for (const name of names) {
    const field: z.ZodType = runOptions.shape[name];
    const standard = field.parse(undefined);
    const shown = standard === null ? '' : ` (default: ${standard})`;
    const option = new Option(FLAGS[name], `${field.description}${shown}`);
    if (NUMBERS.has(name)) option.argParser(number);
    if (name === 'patience') option.argParser((text) => (text === 'none' ? text : number(text)));
    if (TRAINING.has(name)) option.helpGroup('Training:');
    command.addOption(option);
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
