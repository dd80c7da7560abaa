import { UserError } from '../../errors.js';
import { findStrategy, STRATEGIES } from '../../strategies/index.js';
import type { Strategy } from '../../strategies/strategy.js';

/** Seeds that a number of them may ask for. */
const MOST_SEEDS = 1000;

/**
 * @param given `all`, or names with commas between
 * @returns each once, in the order of reports
 * @throws UserError that lists the names there are
 */
export function parseStrategies(given: string): Strategy[] {
  if (given === 'all') return [...STRATEGIES];
  const named = new Set(
    given.split(',').map((name) => {
      const trimmed = name.trim();
      if (STRATEGIES.some((one) => one.name === trimmed)) return findStrategy(trimmed);
      throw new UserError(
        `Option strategies: expected all, or some of ${STRATEGIES.map((one) => one.name).join(',')}; got "${given}".`,
      );
    }),
  );
  return STRATEGIES.filter((strategy) => named.has(strategy));
}

/**
 * @param given how many, for 1 to so many, or a list with commas between
 * @returns each once, in the order given
 * @throws UserError
 */
export function parseSeeds(given: string): number[] {
  const numbers = given.split(',').map((text) => (/^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN));
  const isCount = numbers.length === 1;
  const isKnown = numbers.every(Number.isSafeInteger);
  if (!isKnown || (isCount && (numbers[0] < 1 || numbers[0] > MOST_SEEDS)))
    throw new UserError(`Option seeds: expected how many (3), or a list of seeds (1,2,5); got "${given}".`);
  return isCount ? Array.from({ length: numbers[0] }, (_, i) => i + 1) : [...new Set(numbers)];
}
