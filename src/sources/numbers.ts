import { BadFrameError } from '../errors.js';

/**
 * Parses whitespace-separated numbers.
 * @param what what they make up, for the message
 * @throws BadFrameError where there are not exactly `count`, or one is not finite
 */
export function parseNumbers(text: string, file: string, count: number, what: string): Float64Array {
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length !== count) {
    throw new BadFrameError(file, `${words.length} values, expected the ${count} of ${what}`);
  }
  const numbers = new Float64Array(count);
  words.forEach((word, i) => {
    const value = Number(word);
    if (!Number.isFinite(value)) {
      throw new BadFrameError(file, `"${word.slice(0, 20)}", expected finite numbers`);
    }
    numbers[i] = value;
  });
  return numbers;
}
