import type { z } from 'zod';

/** What zod's names of types mean to whoever wrote the JSON. */
const TYPES: Readonly<Record<string, string>> = {
  record: 'an object',
  object: 'an object',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
};

/** Longest text of the file that is quoted. */
const LONGEST_VALUE = 40;

/**
 * What a value that a schema refused lacks or is, and what was expected, as a clause: `input is "0-1"; expected -1..1,
 * 0..1 or 0..255`. A path through something named is told by the name too, which its owner knows better than a number.
 *
 * @param json the whole that was refused
 */
export function describeIssue(json: unknown, issue: z.core.$ZodIssue): string {
  let at = json;
  const steps = issue.path.map((step) => {
    at = (at as Record<PropertyKey, unknown> | null | undefined)?.[step];
    const name = (at as { name?: unknown } | null | undefined)?.name;
    return typeof name === 'string' ? `${String(step)} (${shown(name)})` : String(step);
  });
  const where = steps.join('.') || 'it';
  return at === undefined
    ? `it has no ${where}`
    : `${where} is ${valueText(at)}; expected ${expected(issue)}`;
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? `"${shown(value)}"` : `${value}`;
}

function shown(text: string): string {
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values
        .map(String)
        .join(', ')
        .replace(/, ([^,]*)$/, ' or $1');
    case 'too_small':
      if (issue.origin === 'string') return 'text that is not empty';
      return `at least ${issue.minimum}`;
    default:
      return issue.message;
  }
}
