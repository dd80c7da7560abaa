import { MultiBar, Presets } from 'cli-progress';
import type { Monitor, Progress } from '../stages/monitor.js';

/** Milliseconds between lines where there is no terminal to draw bars on. */
const LINE_EVERY = 10_000;

/** Bars with rate and time left on a terminal; a line now and then elsewhere. Writes to standard error. */
export function consoleMonitor(stream: NodeJS.WriteStream = process.stderr): Monitor {
  return stream.isTTY ? barMonitor(stream) : lineMonitor(stream);
}

function barMonitor(stream: NodeJS.WriteStream): Monitor {
  let bars: MultiBar | undefined;
  let running = 0;
  // A bar left running would keep the process alive.
  const close = () => {
    bars?.stop();
    bars = undefined;
    running = 0;
  };
  const say = (line: string) => (bars ? bars.log(`${line}\n`) : stream.write(`${line}\n`));
  return {
    note: say,
    warn: (line) => say(`warning: ${line}`),
    begin(stage, total, unit, done = 0) {
      bars ??= new MultiBar(
        {
          stream,
          format: '{stage} {bar} {value}/{total} {unit} · {rate} · {left} left {detail}',
          barsize: 24,
          hideCursor: true,
          fps: 5,
          etaBuffer: 50,
        },
        Presets.shades_classic,
      );
      running++;
      const clock = new Clock(total, done);
      const bar = bars.create(total, done, {
        stage: stage.padEnd(8),
        unit,
        detail: '',
        rate: '–',
        left: '–',
      });
      return {
        advance(steps = 1, detail = '') {
          clock.advance(steps);
          bar.increment(steps, { detail, rate: clock.rate(unit), left: clock.left() });
        },
        end() {
          if (clock.done >= clock.total) bar.update({ left: '0s' });
          if (--running === 0) close();
        },
      };
    },
    close,
  };
}

function lineMonitor(stream: NodeJS.WriteStream): Monitor {
  const say = (line: string) => stream.write(`${line}\n`);
  return {
    note: say,
    warn: (line) => say(`warning: ${line}`),
    begin(stage, total, unit, done = 0): Progress {
      const clock = new Clock(total, done);
      let next = performance.now() + LINE_EVERY;
      say(`${stage}: ${total} ${unit}`);
      return {
        advance(steps = 1, detail = '') {
          clock.advance(steps);
          if (performance.now() < next || clock.done >= total) return;
          next = performance.now() + LINE_EVERY;
          const pace = clock.isMoving() ? [clock.rate(unit), `${clock.left()} left`] : [];
          const all = [`${clock.done}/${clock.total} ${unit}`, ...pace, detail];
          say(`${stage}: ${all.filter((part) => part !== '').join(', ')}`);
        },
        end: () => {
          const what =
            clock.done < clock.total ? `ended after ${clock.done} of ${clock.total}` : `done, ${clock.done}`;
          say(`${stage}: ${what} ${unit} in ${duration(clock.seconds())}`);
        },
      };
    },
    close() {},
  };
}

/** Rate and time left of a stage. */
class Clock {
  readonly #start = performance.now();
  readonly #before: number;

  constructor(
    readonly total: number,
    public done: number,
  ) {
    this.#before = done;
  }

  advance(steps: number): void {
    this.done += steps;
  }

  seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  isMoving(): boolean {
    return this.done > this.#before;
  }

  /** Units a second, or an hour where they are slow; a dash before the first step, as for the time left. */
  rate(unit: string): string {
    const rate = (this.done - this.#before) / this.seconds();
    if (!this.isMoving()) return '–';
    if (rate < 0.05) return `${(3600 * rate).toFixed(rate < 0.003 ? 1 : 0)} ${unit}/h`;
    return `${rate >= 100 ? rate.toFixed(0) : rate.toPrecision(2)} ${unit}/s`;
  }

  left(): string {
    const steps = this.done - this.#before;
    return this.isMoving() ? duration(((this.total - this.done) * this.seconds()) / steps) : '–';
  }
}

/** Seconds as `4s`, `3m20s` or `2h05m`. */
export function duration(seconds: number): string {
  const s = Math.round(seconds);
  const pad = (n: number) => `${n}`.padStart(2, '0');
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${pad(s % 60)}s`;
  return `${Math.floor(s / 3600)}h${pad(Math.floor((s % 3600) / 60))}m`;
}
