import { setTimeout } from 'node:timers/promises';

/** Time that passes, and can be waited for. Tests have one of their own. */
export interface Clock {
  /** Seconds since some moment; never goes backwards. */
  now(): number;
  /** Resolves after so many seconds, or as soon as `signal` is aborted. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now() / 1000,
  sleep: (seconds, signal) => setTimeout(seconds * 1000, undefined, { signal }).catch(() => {}),
};
