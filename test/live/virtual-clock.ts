import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/live/clock.js';

/** A clock that moves when it is told to. */
export class VirtualClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();

  now(): number {
    return this.#now;
  }

  sleep(seconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const sleeper = {
        until: this.#now + seconds,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', sleeper.wake, { once: true });
    });
  }

  /** Passes time at which nobody is waiting, while something else is at work. */
  advance(seconds: number): void {
    this.#now += seconds;
    for (const sleeper of [...this.#sleepers]) if (sleeper.until <= this.#now) sleeper.wake();
  }

  /** Waits until somebody sleeps: all that can be done without time passing is done. */
  async idle(): Promise<void> {
    while (this.#sleepers.size === 0) await setImmediate();
  }

  /** Jumps from sleep to sleep until a promise resolves. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const settled = () => {
      done = true;
    };
    promise.then(settled, settled);
    while (!done) {
      await setImmediate();
      if (done || this.#sleepers.size === 0) continue;
      const next = Math.min(...[...this.#sleepers].map(({ until }) => until));
      this.advance(Math.max(0, next - this.#now));
    }
    return promise;
  }
}
