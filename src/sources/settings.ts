import { z } from 'zod';
import { IGNORE } from '../frame.js';

const NAMES = 'a list of different class names, at most 255';
/** Class names by label. */
export const classNames = z
  .array(z.string('a class name').min(1, 'a class name'), NAMES)
  .max(IGNORE, NAMES)
  .refine((names) => new Set(names).size === names.length, NAMES);

/**
 * Parses JSON of a given form.
 * @throws Error whose message names the first field at fault, what was expected there and what was found
 */
export function parseJson<T extends z.ZodType>(text: string, schema: T): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`not valid JSON (${(error as Error).message})`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  const found = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)[key], value);
  const shown = found === undefined ? 'nothing' : JSON.stringify(found).slice(0, 60);
  throw new Error(`${path.length > 0 ? `"${path.join('.')}"` : 'it'} should be ${message}, found ${shown}`);
}
