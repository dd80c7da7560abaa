import { type Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import { type GivenLearning, type LearningOptions, learningOptions } from '../stages/learning/options.js';
import { type RunOptions, runOptions, TRAINING_OPTIONS } from '../stages/options.js';
import { STRATEGIES } from '../strategies/index.js';

type Name = keyof RunOptions;

/** How each option of a run stands on the command line; descriptions and defaults come from the schema. */
const FLAGS: Record<Name, string> = {
  format: '--format <name>',
  topics: '--topics <names>',
  size: '--size <size>',
  labelled: '--labelled <which>',
  labels: '--labels <live run>',
  model: '--model <path>',
  validation: '--validation <which>',
  profile: '--profile <name>',
  width: '--width <width>',
  head: '--head <size>',
  init: '--init <weights>',
  freeze: '--freeze <part>',
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

/** Likewise the options of active learning. */
const LEARNING_FLAGS: Record<keyof LearningOptions, string> = {
  strategy: '--strategy <name>',
  rounds: '--rounds <n>',
  seedSet: '--seed-set <percent|file>',
  test: '--test <percent|file>',
  imageMinutes: '--image-minutes <minutes>',
  superpixelMinutes: '--superpixel-minutes <minutes>',
};

/** @param without those that the command has no use for */
export function addLearningOptions(command: Command, without: readonly string[] = []): Command {
  for (const [name, flag] of Object.entries(LEARNING_FLAGS)) {
    if (without.includes(name)) continue;
    const field: z.ZodType = learningOptions.shape[name as keyof LearningOptions];
    const option = new Option(flag, `${field.description} (default: ${field.parse(undefined)})`);
    if (name === 'seedSet' || name === 'test') option.argParser(numberOrFile);
    else if (name !== 'strategy') option.argParser(number);
    command.addOption(option);
  }
  return command.addHelpText(
    'after',
    () => `\nStrategies:\n${STRATEGIES.map(({ name, title }) => `  ${name.padEnd(14)} ${title}`).join('\n')}`,
  );
}

export function givenLearningOptions(values: Record<string, unknown>): GivenLearning {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in LEARNING_FLAGS));
}

/** Those options of a run that the user gave. */
export function givenRunOptions(values: Record<string, unknown>): Partial<RunOptions> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in FLAGS));
}

/** Parses the number of an option. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

function numberOrFile(text: string): number | string {
  return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
}
