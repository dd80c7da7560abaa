import { IGNORE } from '../../frame.js';
import { random, seedOf } from '../../random.js';
import { addNoise, blur } from './augment.js';
import { drawWindow, movedToLabel, resampleCrop } from './crop.js';
import type { TrainingOptions } from './recipe.js';
import type { Sample } from './samples.js';

/**
 * Crops and augments a sample as its number has it.
 *
 * @param colour receives crop H×W×3, normalised
 * @param labels receives crop H×W
 */
export function prepareSample(
  { image, number }: Sample,
  options: TrainingOptions,
  colour: Float32Array,
  labels: Int32Array,
): void {
  const { seed, crop, augment } = options;
  const next = random(seedOf(seed, 'crop', number));
  const window = drawWindow(image, options, next);
  resampleCrop(image, window, crop, colour, labels);
  // A crop without a label teaches nothing. Of images labelled in part there would be many.
  if (augment.includes('crop') && labels.every((label) => label === IGNORE))
    resampleCrop(image, movedToLabel(window, image, crop, next), crop, colour, labels);
  if (augment.includes('blur')) blur(colour, crop, random(seedOf(seed, 'blur', number)));
  if (augment.includes('noise')) addNoise(colour, random(seedOf(seed, 'noise', number)));
}
