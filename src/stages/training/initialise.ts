import { UserError } from '../../errors.js';
import { startBackend } from '../../model/backend.js';
import type { DeepLabConfig } from '../../model/deeplab.js';
import { initialNetwork, type Network } from '../../model/network.js';
import { prepareSample } from '../../model/training/prepare.js';
import type { TrainingOptions } from '../../model/training/recipe.js';
import type { ImageSet } from '../../model/training/samples.js';
import { BACKBONE_WIDTHS, type Backbone } from '../../model/weights/backbone.js';
import { findBackbone } from '../../model/weights/cache.js';
import { importBackbone } from '../../model/weights/import.js';
import { initialiseFrom } from '../../model/weights/initialise.js';
import { type CalibrationImage, unfoldBatchNorm } from '../../model/weights/unfold-batch-norm.js';
import type { RunOptions } from '../options.js';

/**
 * The pretrained backbone that a run's options ask for; undefined for random weights.
 * @throws UserError if the file is no such thing
 */
export async function pretrainedBackbone(
  { init }: RunOptions,
  width: DeepLabConfig['width'],
): Promise<Backbone | undefined> {
  if (init === 'random') return undefined;
  if (init === 'auto') return findBackbone(width);
  const { backbone } = await importBackbone(init);
  if (backbone.width !== width)
    throw new UserError(
      `Option init: ${init} is MobileNetV2 of width ${backbone.width}; expected width ${width}, or --width ${backbone.width}.`,
    );
  return backbone;
}

/** Why training starts from random weights, and what the user can do about it. */
export async function whyRandom({ init }: RunOptions, width: DeepLabConfig['width']): Promise<string> {
  if (init === 'random') return 'random weights, as asked';
  for (const other of BACKBONE_WIDTHS)
    if (other !== width && (await findBackbone(other)) !== undefined)
      return `random weights: the network is of width ${width}, and viewal weights has ImageNet's of width ${other} (--width ${other} takes them)`;
  return 'random weights; viewal weights --help says how to start from ImageNet';
}

/** Samples that batch norm is measured on where a backbone comes without it. */
const CALIBRATION_SAMPLES = 32;

/** The network before the first step: the backbone pretrained where there is one, the rest by Kaiming (paper, §3.1). */
export async function startingNetwork(
  config: DeepLabConfig,
  classNames: readonly string[],
  backbone: Backbone | undefined,
  images: ImageSet,
  recipe: TrainingOptions,
  backend: RunOptions['backend'],
): Promise<Network> {
  const untrained = initialNetwork(config, classNames, recipe.seed);
  if (backbone === undefined) return untrained;
  const network = initialiseFrom(untrained, backbone);
  if (backbone.batchNorm === 'kept') return network;
  // A few dozen passes in this thread, which a GPU would spend compiling kernels for.
  await startBackend(backend === 'cpu' ? 'cpu' : 'wasm');
  return unfoldBatchNorm(network, await firstCrops(images, recipe));
}

async function firstCrops(images: ImageSet, recipe: TrainingOptions): Promise<CalibrationImage[]> {
  const { width, height } = recipe.crop;
  const labels = new Int32Array(width * height);
  const crops: CalibrationImage[] = [];
  for (let number = 0; number < CALIBRATION_SAMPLES; number++) {
    const colour = new Float32Array(width * height * 3);
    const index = number % images.count;
    prepareSample({ number, index, image: await images.load(index) }, recipe, colour, labels);
    crops.push({ width, height, colour });
  }
  return crops;
}
