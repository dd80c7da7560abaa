import { UserError } from '../../errors.js';
import type { Size } from '../../frame.js';

/** What may be done to an image before it is trained on (paper, §3.1). */
export const AUGMENTATIONS = ['crop', 'flip', 'blur', 'noise'] as const;
export type Augmentation = (typeof AUGMENTATIONS)[number];

/** How a network is trained; all that bears on the result beside the network it starts from and the images. */
export interface TrainingOptions {
  readonly seed: number;
  /** Steps at most, at least 1. */
  readonly steps: number;
  /** Crops a step, at least 2: batch norm over the pooled branch has one value an image. */
  readonly batch: number;
  /** Size of the crops, in pixels. */
  readonly crop: Size;
  /** Range of the random magnification, from 1: the crop shows all of the image, or of one side where shapes differ. */
  readonly scales: readonly [smallest: number, largest: number];
  readonly augment: readonly Augmentation[];
  /** Of the first step. */
  readonly learningRate: number;
  /** `poly`: falls towards 0, which the step after the last would have (DeepLab); a number: a tenth from that epoch on, counted from 1 (paper, §4.1). */
  readonly decay: 'poly' | number;
  readonly momentum: number;
  /** On weights only; scales, offsets and biases are free, as in the MobileNet papers. */
  readonly weightDecay: number;
  /** Whether classes weigh in the loss by how rare they are, see `balancedClassWeights`. */
  readonly classWeights: 'none' | 'balanced';
  /** When to validate: after every epoch, or after so many steps. Always after the last. */
  readonly validateEvery: 'epoch' | number;
  /** What keeps the weights that it starts with: the backbone, with its running statistics as batch norm, or nothing. */
  readonly freeze: 'none' | 'backbone';
  /** Epochs without a better validation mIoU after which training has converged; needs validation every epoch. Null trains all steps. */
  readonly patience: number | null;
}

/**
 * For a CPU. Small crops that show from a quarter of the image to all of it: seeing much of the room at once teaches
 * faster than the scale of inference does. After 300 steps on 12 frames, mIoU at full size on 15 others was 27 %, against
 * 15 % at magnifications of 1.5 to 3 and 20 % at 1 to 3.
 */
export const QUICK_RECIPE: TrainingOptions = {
  seed: 1,
  steps: 400,
  batch: 4,
  crop: { width: 160, height: 120 },
  scales: [1, 2],
  augment: ['crop', 'flip'],
  learningRate: 0.05,
  decay: 'poly',
  momentum: 0.9,
  weightDecay: 5e-4,
  classWeights: 'none',
  validateEvery: 20,
  freeze: 'none',
  patience: null,
};

/**
 * A recipe for a pretrained backbone that stays as it is: whole images and their mirror images alone, so that the
 * backbone looks at each of them once; twice the steps, each of which takes a fraction of the time.
 *
 * @param size of the images
 */
export function withFrozenBackbone(recipe: TrainingOptions, size: Size): TrainingOptions {
  return { ...recipe, steps: 2 * recipe.steps, crop: size, augment: ['flip'], freeze: 'backbone' };
}

/** The paper's (§3.1, §4.1), which does not give batch, crop and scales. Steps come from the epochs. */
export const PAPER_RECIPE: TrainingOptions = {
  ...QUICK_RECIPE,
  crop: { width: 320, height: 240 },
  scales: [1, 1.5],
  augment: AUGMENTATIONS,
  learningRate: 0.01,
  decay: 40,
  validateEvery: 'epoch',
  patience: 20,
};

/** Epochs that the paper's recipe trains at most, should the validation mIoU go on rising. */
export const PAPER_EPOCHS = 200;

/** Passes through the training set begun once `step` steps are done, from 1. */
export function epochOf(step: number, batch: number, images: number): number {
  return Math.floor(((step - 1) * batch) / images) + 1;
}

/** Learning rate of the step after `done` steps. */
export function learningRateAt(options: TrainingOptions, done: number, images: number): number {
  const { learningRate, decay, steps, batch } = options;
  if (decay === 'poly') return learningRate * (1 - done / steps) ** 0.9;
  return epochOf(done + 1, batch, images) < decay ? learningRate : learningRate * 0.1;
}

/** @throws UserError naming the option that is out of range and what was expected */
export function checkRecipe(options: TrainingOptions): void {
  const { steps, batch, crop, scales, learningRate, decay, momentum, weightDecay, patience } = options;
  const isNatural = (n: number, least: number) => Number.isInteger(n) && n >= least;
  if (!isNatural(steps, 1)) throw new UserError(`Expected a whole number of training steps, got ${steps}.`);
  if (!isNatural(batch, 2)) throw new UserError(`Expected at least 2 images a training step, got ${batch}.`);
  if (!isNatural(crop.width, 16) || !isNatural(crop.height, 16)) {
    throw new UserError(
      `Expected training crops of at least 16×16 pixels, got ${crop.width}×${crop.height}.`,
    );
  }
  if (!(scales[0] >= 1 && scales[1] >= scales[0]))
    throw new UserError(`Expected magnifications of crops from 1 up, got ${scales.join(' to ')}.`);
  if (!(learningRate > 0)) throw new UserError(`Expected a positive learning rate, got ${learningRate}.`);
  if (decay !== 'poly' && !isNatural(decay, 1))
    throw new UserError(`Expected an epoch from which the learning rate is a tenth, got ${decay}.`);
  if (!(momentum >= 0 && momentum < 1))
    throw new UserError(`Expected a momentum in [0, 1), got ${momentum}.`);
  if (!(weightDecay >= 0)) throw new UserError(`Expected a weight decay of at least 0, got ${weightDecay}.`);
  if (patience !== null && !isNatural(patience, 1))
    throw new UserError(`Expected a patience of at least 1 epoch, got ${patience}.`);
  if (patience !== null && options.validateEvery !== 'epoch')
    throw new UserError(
      `Expected validation every epoch, as patience counts epochs; got every ${options.validateEvery} steps.`,
    );
}
