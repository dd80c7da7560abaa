import type { Size } from '../../frame.js';
import type { DeepLabConfig } from '../../model/deeplab.js';
import {
  type Augmentation,
  PAPER_EPOCHS,
  PAPER_RECIPE,
  QUICK_RECIPE,
  type TrainingOptions,
  withFrozenBackbone,
} from '../../model/training/recipe.js';
import type { RunOptions } from '../options.js';

const PROFILES = {
  quick: { width: 0.35, head: 'slim', epochs: null, recipe: QUICK_RECIPE },
  paper: { width: 1, head: 'full', epochs: PAPER_EPOCHS, recipe: PAPER_RECIPE },
} as const;

/** Validations that training for so many steps has, where it does not wait to converge. */
const VALIDATIONS = 20;

/** The network that a run's options ask for. */
export function networkConfig({ profile, width, head }: RunOptions, classes: number): DeepLabConfig {
  return { width: width ?? PROFILES[profile].width, head: head ?? PROFILES[profile].head, classes };
}

/**
 * How a run's options ask for it to be trained: what is not given comes from the profile.
 * @param images of the training set, at least 1
 */
export function trainingRecipe(options: RunOptions, images: number): TrainingOptions {
  const { epochs: standard, recipe: profile } = PROFILES[options.profile];
  const recipe = options.freeze === 'backbone' ? withFrozenBackbone(profile, sizeOf(options.size)) : profile;
  const { batch, momentum, weightDecay, classWeights, seed, decayEpoch } = options;
  const epochs = options.epochs ?? (options.steps === null ? standard : null);
  const steps = epochs === null ? (options.steps ?? recipe.steps) : Math.ceil((epochs * images) / batch);
  const waits = options.patience ?? recipe.patience;
  const patience = waits === 'none' ? null : waits;
  return {
    ...recipe,
    seed,
    steps,
    batch,
    crop: options.crop === null ? recipe.crop : sizeOf(options.crop),
    augment: augmentations(options.augment) ?? recipe.augment,
    learningRate: options.learningRate ?? recipe.learningRate,
    decay: decayEpoch ?? recipe.decay,
    momentum,
    weightDecay,
    classWeights,
    patience,
    validateEvery: epochs === null && patience === null ? Math.ceil(steps / VALIDATIONS) : 'epoch',
  };
}

function sizeOf(given: string): Size {
  const [width, height] = given.split('x').map(Number);
  return { width, height };
}

function augmentations(given: string | null): readonly Augmentation[] | undefined {
  if (given === null) return undefined;
  return given === 'none' ? [] : (given.split(',') as Augmentation[]);
}
