import { IGNORE, type Size } from '../../frame.js';
import type { Random } from '../../random.js';
import { normaliseColour } from '../inference/inference.js';
import type { TrainingOptions } from './recipe.js';

/** A labelled image to train on. */
export interface LabelledImage extends Size {
  /** H×W×3, RGB. */
  readonly colour: Uint8Array;
  /** H×W class indices, `IGNORE` = unlabelled. */
  readonly labels: Uint8Array;
}

/** Where a crop is taken from; in pixels of the image, continuous, edges at whole numbers. */
export interface CropWindow {
  readonly left: number;
  readonly top: number;
  readonly scale: number;
  readonly isMirrored: boolean;
}

/**
 * Draws scale, place and mirroring. Without `crop` among the augmentations the window is as much of the image as has
 * the crop's shape, from its middle.
 */
export function drawWindow(
  image: Size,
  { crop, scales, augment }: Pick<TrainingOptions, 'crop' | 'scales' | 'augment'>,
  next: Random,
): CropWindow {
  const whole = Math.max(crop.width / image.width, crop.height / image.height);
  const isMirrored = augment.includes('flip') && next() < 0.5;
  const isCropped = augment.includes('crop');
  const scale = isCropped ? whole * (scales[0] + next() * (scales[1] - scales[0])) : whole;
  const place = () => (isCropped ? next() : 0.5);
  return {
    left: place() * (image.width - crop.width / scale),
    top: place() * (image.height - crop.height / scale),
    scale,
    isMirrored,
  };
}

/** The window moved at random to where it shows a labelled pixel, drawn from all of them; as it is where there is none. */
export function movedToLabel(window: CropWindow, image: LabelledImage, crop: Size, next: Random): CropWindow {
  const { width, height, labels } = image;
  let labelled = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] !== IGNORE) labelled++;
  if (labelled === 0) return window;
  let pixel = -1;
  for (let left = Math.floor(next() * labelled); left >= 0; left--)
    do pixel++;
    while (labels[pixel] === IGNORE);
  const place = (at: number, extent: number, limit: number) =>
    Math.min(Math.max(at + 0.5 - next() * extent, 0), limit - extent);
  return {
    ...window,
    left: place(pixel % width, crop.width / window.scale, width),
    top: place(Math.floor(pixel / width), crop.height / window.scale, height),
  };
}

/**
 * Resamples a window of the image to the crop's size: colours bilinear and normalised, labels nearest.
 *
 * @param colour receives crop H×W×3
 * @param labels receives crop H×W
 */
export function resampleCrop(
  image: LabelledImage,
  window: CropWindow,
  crop: Size,
  colour: Float32Array,
  labels: Int32Array,
): void {
  const { width, height } = image;
  const { left, top, scale, isMirrored } = window;
  const columns = samplePositions(left, scale, crop.width, width);
  const rows = samplePositions(top, scale, crop.height, height);
  let out = 0;
  for (let y = 0; y < crop.height; y++) {
    const row = rows.low[y] * width;
    const nextRow = rows.high[y] * width;
    const down = rows.fraction[y];
    for (let i = 0; i < crop.width; i++, out++) {
      const x = isMirrored ? crop.width - 1 - i : i;
      const column = columns.low[x];
      const nextColumn = columns.high[x];
      const across = columns.fraction[x];
      for (let channel = 0; channel < 3; channel++) {
        const at = (pixel: number) => image.colour[pixel * 3 + channel];
        const upper = at(row + column) * (1 - across) + at(row + nextColumn) * across;
        const lower = at(nextRow + column) * (1 - across) + at(nextRow + nextColumn) * across;
        colour[out * 3 + channel] = normaliseColour(upper * (1 - down) + lower * down);
      }
      labels[out] = image.labels[rows.nearest[y] * width + columns.nearest[x]] ?? IGNORE;
    }
  }
}

/** Along one axis: the two source pixels around each sample, the weight of the second, and the nearest. */
function samplePositions(start: number, scale: number, count: number, limit: number) {
  const low = new Int32Array(count);
  const high = new Int32Array(count);
  const nearest = new Int32Array(count);
  const fraction = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const edge = start + (i + 0.5) / scale;
    const centre = Math.min(Math.max(edge - 0.5, 0), limit - 1);
    low[i] = Math.floor(centre);
    high[i] = Math.min(low[i] + 1, limit - 1);
    fraction[i] = centre - low[i];
    nearest[i] = Math.min(Math.floor(edge), limit - 1);
  }
  return { low, high, nearest, fraction };
}
