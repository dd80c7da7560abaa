import { z } from 'zod';
import { UserError } from '../errors.js';
import { parseBudget } from '../selection/budget.js';
import { FORMATS } from '../sources/formats.js';

/** Options of a run, as `run.json` keeps them. Every default is here. */
export const runOptions = z.strictObject({
  format: z
    .enum(FORMATS, `expected ${FORMATS.join(', ')}`)
    .default('auto')
    .describe(`layout of the recording: ${FORMATS.join(', ')}`),
  size: z
    .string()
    .regex(/^\d+x\d+$/, 'expected a size such as 320x240')
    .refine(
      (size) => size.split('x').every((side) => Number(side) >= 16 && Number(side) <= 4096),
      'expected sides of 16 to 4096 pixels',
    )
    .default('320x240')
    .describe('working size, WIDTHxHEIGHT'),
  labelled: z
    .string()
    .default('auto')
    .describe(
      'frames to train on: auto, all, a share (10%), a number of frames, or a file of scene/frame lines',
    ),
  model: z
    .string()
    .nullable()
    .default(null)
    .describe('folder of a trained network, used instead of training one'),
  width: z
    .union([z.literal(0.35), z.literal(1)], 'expected a width of 0.35 or 1.0')
    .default(0.35)
    .describe('width of MobileNetV2: 0.35 or 1'),
  head: z
    .enum(['slim', 'full'], 'expected slim or full')
    .default('slim')
    .describe('size of the DeepLabv3+ head: slim or full'),
  steps: z
    .int('expected a whole number of steps')
    .min(1)
    .max(1_000_000)
    .default(400)
    .describe('training steps'),
  draws: z
    .int('expected a whole number of draws')
    .min(1, 'expected 1 to 1000 draws')
    .max(1000, 'expected 1 to 1000 draws')
    .default(20)
    .describe('dropout draws D of Eq. 1'),
  backend: z
    .enum(['auto', 'wasm', 'cpu'], 'expected auto, wasm or cpu')
    .default('auto')
    .describe('compute backend: auto, wasm or cpu'),
  workers: z
    .int('expected a whole number of workers')
    .min(1)
    .max(256)
    .nullable()
    .default(null)
    .describe('inference workers; one a core where not given'),
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
  budget: z.string().default('2%').describe('how much to label: 2images, 100superpixels or 2% of the frames'),
  seed: z.int('expected a whole number').min(0).default(1).describe('same seed, same run'),
});

export type RunOptions = z.output<typeof runOptions>;

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
  return result.data;
}
