import { UserError } from '../errors.js';
import type { HorizonLength } from './horizon.js';

const UNITS = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 } as const;
/** How long a scene has to have been quiet for its window to end, milliseconds. */
const QUIET = 10_000;

/** Reads a length of time or frames: `500ms`, `30s`, `5min`, `1h`, `100frames`. */
function parseLength(text: string): HorizonLength | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|min|h|frames?)$/.exec(text.trim()) ?? [];
  const amount = Number(number);
  if (!(amount > 0)) return undefined;
  if (unit.startsWith('frame'))
    return Number.isInteger(amount) ? { by: 'frames', frames: amount } : undefined;
  return { by: 'time', milliseconds: amount * UNITS[unit as keyof typeof UNITS] };
}

/**
 * Reads when windows end: after so much time or so many frames, or `scene`: when no frame of a scene has come for ten seconds.
 * @throws UserError
 */
export function parseWindow(
  text: string,
): HorizonLength | { readonly by: 'scene'; readonly milliseconds: number } {
  if (text.trim() === 'scene') return { by: 'scene', milliseconds: QUIET };
  const length = parseLength(text);
  if (length !== undefined) return length;
  throw new UserError(`Option window: expected 30s, 5min, 100frames or scene, got "${text}".`);
}

/** Reads a horizon; `none` is none. @throws UserError */
export function parseHorizon(text: string): HorizonLength | undefined {
  if (text.trim() === 'none') return undefined;
  const length = parseLength(text);
  if (length !== undefined) return length;
  throw new UserError(`Option horizon: expected none, 10min, 1h or 500frames, got "${text}".`);
}
