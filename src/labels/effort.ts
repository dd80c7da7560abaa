import { UserError } from '../errors.js';
import type { Size } from '../frame.js';
import type { Region } from './region.js';

/** How long a person takes, in minutes. */
export interface AnnotationTimes {
  /** For a whole image, drawn in an interface like LabelMe's. */
  readonly imageMinutes: number;
  /** For one superpixel, whatever its size: a class is chosen and the boundary mended where need be. */
  readonly superpixelMinutes: number;
}

/** The paper's user study (§4.3): 271 minutes for 50 ScanNet images, 202 for their 2 000 superpixels. */
export const PAPER_TIMES: AnnotationTimes = { imageMinutes: 271 / 50, superpixelMinutes: 202 / 2000 };

/** What the labelling of something costs a person. */
export interface Effort {
  readonly minutes: number;
  /** The same in superpixels, labelled by one click each. */
  readonly clicks: number;
}

/** @throws UserError where a time is not a positive number */
export function checkTimes(times: AnnotationTimes): void {
  for (const [name, minutes] of Object.entries(times))
    if (!(minutes > 0 && Number.isFinite(minutes)))
      throw new UserError(`Option ${name}: expected a positive number of minutes, got ${minutes}.`);
}

/** One superpixel: a click. */
export function superpixelEffort(times: AnnotationTimes = PAPER_TIMES): Effort {
  return { minutes: times.superpixelMinutes, clicks: 1 };
}

/**
 * What a region costs, labelled in whole. A window is drawn as an image is, and takes the same time a pixel.
 *
 * @param size of the region's frame
 * @param times positive, see `checkTimes`
 */
export function effortOf(region: Region, size: Size, times: AnnotationTimes = PAPER_TIMES): Effort {
  if (region.unit === 'superpixel') return superpixelEffort(times);
  const share = region.unit === 'image' ? 1 : (region.width * region.height) / (size.width * size.height);
  const minutes = share * times.imageMinutes;
  return { minutes, clicks: minutes / times.superpixelMinutes };
}
