import { percent } from '../../percent.js';
import type { RoundRow, RunRow } from '../../tables/schemas.js';
import type { Progress } from '../monitor.js';
import { type Comparison, type ComparisonRun, FULL } from './comparison.js';
import type { RunEnd, RunNews } from './run-thread.js';
import { readRounds } from './runs.js';

/** Tells the user how far the runs of a comparison are, in rounds of all of them. */
export class RoundProgress {
  /** Rounds measured so far, by run. */
  readonly #measured: Map<RunRow, number>;
  readonly #warned = new Set<string>();
  readonly #bar: Progress;

  private constructor(
    private readonly monitor: Comparison['monitor'],
    measured: Map<RunRow, number>,
    finished: number,
  ) {
    this.#measured = measured;
    const known = [...measured];
    const total = known.reduce((sum, [run]) => sum + roundsOf(run), finished);
    const done = known.reduce((sum, [, count]) => sum + count, finished);
    this.#bar = monitor.begin('rounds', total, 'rounds', done);
  }

  /**
   * @param finished runs that need nothing more
   * @param waiting runs to come, of which some rounds may be done
   */
  static async begin(
    comparison: Comparison,
    finished: readonly RunRow[],
    waiting: readonly RunRow[],
  ): Promise<RoundProgress> {
    const count = async (run: RunRow) => (await readRounds(comparison, run)).length;
    const measured = new Map<RunRow, number>();
    for (const run of waiting) measured.set(run, Math.min(roundsOf(run), await count(run)));
    const before = await Promise.all(finished.map(count));
    return new RoundProgress(
      comparison.monitor,
      measured,
      before.reduce((sum, one) => sum + one, 0),
    );
  }

  hear(run: RunRow, news: RunNews): void {
    if (news.kind === 'stage') this.#bar.advance(0, `${sayRun(run)}: ${news.stage}`);
    else if (news.kind === 'round') this.#measure(run, news.row);
    // What is wrong with the recording is wrong in every run.
    else if (!this.#warned.has(news.line)) {
      this.#warned.add(news.line);
      this.monitor.warn(`${sayRun(run)}: ${news.line}`);
    }
  }

  #measure(run: RunRow, row: RoundRow): void {
    if (row.round < this.#measured.get(run)!) return;
    this.#measured.set(run, row.round + 1);
    this.#bar.advance(1);
    this.monitor.note(
      `${sayRun(run)}, round ${row.round}: ${percent(row.labelled_share)} labelled, mIoU ${percent(row.miou)}`,
    );
  }

  ended(run: RunRow, end: RunEnd): void {
    if (end.kind === 'failed') this.monitor.warn(`${sayRun(run)} failed: ${end.reason}`);
    const left = roundsOf(run) - this.#measured.get(run)!;
    if (end.kind !== 'finished' || left === 0) return;
    this.#bar.advance(left);
    this.monitor.note(`${sayRun(run)}: nothing is left to label`);
  }

  end(): void {
    this.#bar.end();
  }
}

/** The seed set's round included. */
function roundsOf({ rounds }: RunRow): number {
  return rounds + 1;
}

export function sayRun({ strategy, seed }: ComparisonRun): string {
  return strategy === FULL ? `full training, seed ${seed}` : `${strategy}, seed ${seed}`;
}
