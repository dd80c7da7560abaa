import { z } from 'zod';
import { UserError } from '../errors.js';
import { AUGMENTATIONS, QUICK_RECIPE } from '../model/training/recipe.js';
import { parseBudget } from '../selection/budget.js';
import { FORMATS } from '../sources/formats.js';

function imageSize(example: string) {
  return z
    .string()
    .regex(/^\d+x\d+$/, `expected a size such as ${example}`)
    .refine(
      (size) => size.split('x').every((side) => Number(side) >= 16 && Number(side) <= 4096),
      'expected sides of 16 to 4096 pixels',
    );
}

/** Options of a run, as `run.json` keeps them. Every default is here. */
export const runOptions = z.strictObject({
  format: z
    .enum(FORMATS, `expected ${FORMATS.join(', ')}`)
    .default('auto')
    .describe(`layout of the recording: ${FORMATS.join(', ')}`),
  topics: z
    .string()
    .nullable()
    .default(null)
    .describe('topics of a ROS recording that frames are made of: colour=<topic>,depth=<topic>,info=<topic>'),
  size: imageSize('320x240').default('320x240').describe('working size, WIDTHxHEIGHT'),
  labelled: z
    .string()
    .default('auto')
    .describe(
      'frames to train on: auto, all, a share (10%), a number of frames, or a file of scene/frame or scene lines',
    ),
  labels: z
    .string()
    .nullable()
    .default(null)
    .describe(
      'run folder of viewal live: what people labelled there is trained on too, carried to the other views of its surfaces',
    ),
  model: z
    .string()
    .nullable()
    .default(null)
    .describe('a trained network, used instead of training one: a model folder of ours or of TensorFlow.js'),
  validation: z
    .string()
    .default('auto')
    .describe(
      'labelled frames kept from training, to choose among networks: auto, none, a share (10%), a number of frames, or a file of scene/frame or scene lines',
    ),
  profile: z
    .enum(['quick', 'paper'], 'expected quick or paper')
    .default('quick')
    .describe('what the options below are where not given: quick for a CPU, or as in the paper'),
  width: z
    .union([z.literal(0.35), z.literal(1)], 'expected a width of 0.35 or 1.0')
    .nullable()
    .default(null)
    .describe('width of MobileNetV2: 0.35 or 1 (quick 0.35, paper 1)'),
  head: z
    .enum(['slim', 'full'], 'expected slim or full')
    .nullable()
    .default(null)
    .describe('size of the DeepLabv3+ head: slim or full (quick slim, paper full)'),
  init: z
    .string()
    .default('auto')
    .describe(
      'what the backbone starts from: random, a file that viewal weights import takes, or auto: ImageNet weights where viewal weights has them, else random',
    ),
  steps: z
    .int('expected a whole number of steps')
    .min(1)
    .max(10_000_000)
    .nullable()
    .default(null)
    .describe('training steps at most (quick 400, 800 with a frozen backbone)'),
  freeze: z
    .enum(['none', 'backbone'], 'expected none or backbone')
    .default('none')
    .describe(
      'what is not trained: none, or backbone: a pretrained one stays as it is, which is several times faster, and better where little is labelled',
    ),
  epochs: z
    .int('expected a whole number of epochs')
    .min(1)
    .max(100_000)
    .nullable()
    .default(null)
    .describe('instead of steps: passes through the training frames at most (paper 200)'),
  patience: z
    .union([z.int().min(1), z.literal('none')], 'expected a whole number of epochs, at least 1, or none')
    .nullable()
    .default(null)
    .describe(
      'epochs without a better validation mIoU after which training has converged, or none (quick none, paper 20)',
    ),
  batch: z
    .int('expected a whole number of images')
    .min(2, 'expected at least 2 images')
    .max(1024)
    .default(QUICK_RECIPE.batch)
    .describe('images a training step; a power of two divides them among as many workers'),
  crop: imageSize('160x120')
    .nullable()
    .default(null)
    .describe(
      'size of the crops trained on (quick 160x120, paper 320x240; whole images with a frozen backbone)',
    ),
  augment: z
    .string()
    .refine(
      (names) => names === 'none' || names.split(',').every((name) => AUGMENTATIONS.includes(name as never)),
      `expected none, or some of ${AUGMENTATIONS.join(',')}`,
    )
    .nullable()
    .default(null)
    .describe(
      `some of ${AUGMENTATIONS.join(',')}, or none (quick crop,flip; paper all; flip with a frozen backbone)`,
    ),
  learningRate: z
    .number('expected a number')
    .positive('expected a number above 0')
    .nullable()
    .default(null)
    .describe('learning rate of the first step (quick 0.05, falling to 0; paper 0.01)'),
  decayEpoch: z
    .int('expected a whole number of epochs')
    .min(1)
    .nullable()
    .default(null)
    .describe('epoch from which the learning rate is a tenth (paper 40)'),
  momentum: z
    .number('expected a number')
    .min(0, 'expected 0 to below 1')
    .lt(1, 'expected 0 to below 1')
    .default(QUICK_RECIPE.momentum)
    .describe('momentum of the gradient'),
  weightDecay: z
    .number('expected a number')
    .min(0, 'expected at least 0')
    .default(QUICK_RECIPE.weightDecay)
    .describe('pull of the weights towards 0'),
  classWeights: z
    .enum(['none', 'balanced'], 'expected none or balanced')
    .default(QUICK_RECIPE.classWeights)
    .describe('weights of the classes in the loss: none, or balanced by how rare they are'),
  draws: z
    .int('expected a whole number of draws')
    .min(0, 'expected 0 to 1000 draws')
    .max(1000, 'expected 0 to 1000 draws')
    .default(20)
    .describe('dropout draws D of Eq. 1; 0 = dropout off'),
  backend: z
    .enum(
      ['auto', 'tensorflow-gpu', 'webgpu', 'tensorflow', 'wasm', 'cpu'],
      'expected auto, tensorflow-gpu, webgpu, tensorflow, wasm or cpu',
    )
    .default('auto')
    .describe('compute backend: auto, tensorflow-gpu, webgpu, tensorflow, wasm or cpu'),
  workers: z
    .int('expected a whole number of workers')
    .min(1)
    .max(256)
    .nullable()
    .default(null)
    .describe('worker threads; one a core where not given'),
  superpixelCount: z
    .int('expected a whole number of superpixels')
    .min(1)
    .max(65_535)
    .default(40)
    .describe('superpixels a frame, about'),
  superpixels: z.string().nullable().default(null).describe("folder of the user's own superpixel ids"),
  probabilities: z.string().nullable().default(null).describe("folder of the user's own probability maps"),
  voxel: z
    .number('expected a voxel size in metres')
    .min(0.001, 'expected a voxel size of 0.001 to 1 metre')
    .max(1, 'expected a voxel size of 0.001 to 1 metre')
    .default(0.02)
    .describe('edge of a voxel, metres'),
  views: z
    .enum(['store', 'pairwise'], 'expected store or pairwise')
    .default('store')
    .describe('scores from the point store, or from exact pairwise reprojection (small scenes)'),
  budget: z
    .string()
    .default('2%')
    .describe('how much to label: 2images, 100superpixels, 50clicks, 15minutes or 2% of the frames'),
  seed: z.int('expected a whole number').min(0).default(1).describe('same seed, same run'),
});

export type RunOptions = z.output<typeof runOptions>;

/** Options that bear on training alone, in the order of help. */
export const TRAINING_OPTIONS = [
  'profile',
  'width',
  'head',
  'init',
  'freeze',
  'steps',
  'epochs',
  'validation',
  'patience',
  'batch',
  'crop',
  'augment',
  'learningRate',
  'decayEpoch',
  'momentum',
  'weightDecay',
  'classWeights',
] as const satisfies readonly (keyof RunOptions)[];

/** Names of a list that are said before the rest is counted. */
const LIST_SHOWN = 3;

/** An option and its value as on the command line: `learning-rate 0.2`. */
export function sayOption(name: string, value: unknown): string {
  return `${optionName(name)} ${sayValue(value)}`;
}

export function optionName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function sayValue(value: unknown): string {
  if (Array.isArray(value) && value.length > LIST_SHOWN)
    return `${value.slice(0, LIST_SHOWN).join(', ')} and ${value.length - LIST_SHOWN} more`;
  if (Array.isArray(value)) return value.join(', ');
  return value === null || value === undefined ? 'default' : `${value}`;
}

/**
 * Fills in defaults and checks every option.
 * @throws UserError naming the option and what was expected
 */
export function parseOptions(given: z.input<typeof runOptions>): RunOptions {
  const result = runOptions.safeParse(given);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new UserError(`Option ${issue.path.join('.') || 'unknown'}: ${issue.message}.`);
  }
  parseBudget(result.data.budget);
  if (result.data.steps !== null && result.data.epochs !== null)
    throw new UserError('Expected either steps or epochs, got both.');
  return result.data;
}
