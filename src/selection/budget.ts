import { UserError } from '../errors.js';

const UNITS = {
  image: 'images',
  images: 'images',
  superpixel: 'superpixels',
  superpixels: 'superpixels',
  click: 'clicks',
  clicks: 'clicks',
  min: 'minutes',
  minute: 'minutes',
  minutes: 'minutes',
  '%': '%',
} as const;

/** How much a person is willing to label: `2images`, `100superpixels`, `50clicks`, `15minutes`, `2%` of the frames. */
export interface Budget {
  readonly amount: number;
  readonly unit: (typeof UNITS)[keyof typeof UNITS];
}

/** Reads a budget as given on the command line. @throws UserError */
export function parseBudget(text: string): Budget {
  const [, number, word = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]+|%)$/.exec(text.trim()) ?? [];
  const amount = Number(number);
  if (!(Object.hasOwn(UNITS, word) && amount > 0))
    throw new UserError(
      `Option budget: expected a budget such as 2images, 100superpixels, 50clicks, 15minutes or 2%, got "${text}".`,
    );
  const unit = UNITS[word as keyof typeof UNITS];
  if ((unit === 'superpixels' || unit === 'clicks') && !Number.isInteger(amount))
    throw new UserError(`Option budget: expected a whole number of ${unit}, got "${text}".`);
  if (unit === '%' && amount > 100)
    throw new UserError(`Option budget: expected at most 100%, got "${text}".`);
  return { amount, unit };
}

/** What a region takes out of a budget. */
export interface Cost {
  /** Its pixels that were not labelled before. */
  readonly pixels: number;
  readonly minutes: number;
  /** The same in superpixels labelled by one click each. */
  readonly clicks: number;
}

/** A budget counts as spent from this share of it on: sums of minutes that ought to meet it fall short by rounding. */
const ALL = 1 - 1e-9;

/**
 * Counts regions against a budget, which is spent once reached: it is overrun by less than one region. Images are
 * counted in pixels, superpixels in regions.
 */
export class BudgetMeter {
  #spent = 0;
  readonly #most: number;
  readonly #costOf: (region: Cost) => number;

  /**
   * @param frames frames of the recording; what a percentage is of
   * @param pixelsPerFrame width × height
   */
  constructor({ amount, unit }: Budget, frames: number, pixelsPerFrame: number) {
    const counters: Record<Budget['unit'], [most: number, costOf: (region: Cost) => number]> = {
      images: [amount * pixelsPerFrame, ({ pixels }) => pixels],
      superpixels: [amount, () => 1],
      clicks: [amount, ({ clicks }) => clicks],
      minutes: [amount, ({ minutes }) => minutes],
      '%': [(amount / 100) * frames * pixelsPerFrame, ({ pixels }) => pixels],
    };
    [this.#most, this.#costOf] = counters[unit];
  }

  get spent(): boolean {
    return this.#spent >= ALL * this.#most;
  }

  /** Notes that a region has been picked. */
  add(region: Cost): void {
    this.#spent += this.#costOf(region);
  }
}
