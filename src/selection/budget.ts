import { UserError } from '../errors.js';

/** How much a person is willing to label: `2images`, `100superpixels`, `2%` of the frames. */
export interface Budget {
  readonly amount: number;
  readonly unit: 'images' | 'superpixels' | '%';
}

/** Reads a budget as given on the command line. @throws UserError */
export function parseBudget(text: string): Budget {
  const match = /^(\d+(?:\.\d+)?)\s*(images?|superpixels?|%)$/.exec(text.trim());
  const amount = Number(match?.[1]);
  if (match === null || !(amount > 0))
    throw new UserError(
      `Option budget: expected a budget such as 2images, 100superpixels or 2%, got "${text}".`,
    );
  const unit = match[2] === '%' ? '%' : match[2].startsWith('image') ? 'images' : 'superpixels';
  if (unit === 'superpixels' && !Number.isInteger(amount))
    throw new UserError(`Option budget: expected a whole number of superpixels, got "${text}".`);
  if (unit === '%' && amount > 100)
    throw new UserError(`Option budget: expected at most 100%, got "${text}".`);
  return { amount, unit };
}

/**
 * Counts picks against a budget. Images are counted in pixels: regions are taken until their pixels make up the
 * images asked for, so a budget is overrun by less than one region.
 */
export class BudgetMeter {
  #regions = 0;
  #pixels = 0;
  readonly #maxRegions: number;
  readonly #maxPixels: number;

  /**
   * @param frames frames of the recording; what a percentage is of
   * @param pixelsPerFrame width × height
   */
  constructor(budget: Budget, frames: number, pixelsPerFrame: number) {
    const images = budget.unit === '%' ? (budget.amount / 100) * frames : budget.amount;
    this.#maxRegions = budget.unit === 'superpixels' ? budget.amount : Number.POSITIVE_INFINITY;
    this.#maxPixels = budget.unit === 'superpixels' ? Number.POSITIVE_INFINITY : images * pixelsPerFrame;
  }

  get spent(): boolean {
    return this.#regions >= this.#maxRegions || this.#pixels >= this.#maxPixels;
  }

  /** Notes that a region of so many pixels has been picked. */
  add(pixels: number): void {
    this.#regions++;
    this.#pixels += pixels;
  }
}
