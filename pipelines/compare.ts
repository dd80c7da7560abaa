import { setMaxListeners } from 'node:events';
import { concatMap, filter, from, mergeMap } from 'rxjs';
import { InterruptedError } from '../src/errors.js';
import {
  type Comparison,
  learningOf,
  networksFolder,
  runFolder,
  sharedFolder,
} from '../src/stages/comparison/comparison.js';
import { comparisonReport } from '../src/stages/comparison/report.js';
import { RoundProgress } from '../src/stages/comparison/round-progress.js';
import { type RunEnd, runInThread } from '../src/stages/comparison/run-thread.js';
import { isAsked, readRuns, writeRuns } from '../src/stages/comparison/runs.js';
import { shareStage } from '../src/stages/comparison/share.js';
import type { ComparisonRow, RunRow } from '../src/tables/schemas.js';
import { workerUrl } from '../src/worker-url.js';

export interface Compared {
  /** One a strategy, best first. */
  readonly strategies: readonly ComparisonRow[];
  /** Those asked for now that something went wrong with. */
  readonly failed: readonly RunRow[];
}

/**
 * Strategies side by side, with several seeds each, on one pool and the same test frames:
 *
 *     pool ─► superpixels, footprints ─┬─► learn, strategy 1, seed 1 ─┬─► tables, compare.html, plots
 *                                      ├─► learn, strategy 1, seed 2 ─┤
 *                                      └─► …       each in a thread  ─┘
 *
 * What is finished is not run again, so the same call goes on where it stopped, and strategies, seeds and rounds may be
 * added later. A run that fails is shown as such, and tried again at the next call; the others go on.
 *
 * @throws InterruptedError when the comparison's signal aborts, once all runs have saved what they have
 */
export async function compare(comparison: Comparison): Promise<Compared> {
  let runs = await readRuns(comparison);
  let strategies = await record(comparison, runs);
  const asked = runs.filter((run) => isAsked(comparison, run));
  const waiting = asked.filter((run) => !run.finished);
  if (waiting.length > 0) {
    await shareStage(comparison);
    const finished = asked.filter((run) => run.finished);
    const progress = await RoundProgress.begin(comparison, finished, waiting);
    try {
      await runAll(comparison, waiting, progress, async (run, end) => {
        const reason = end.kind === 'failed' ? end.reason : null;
        runs = runs.map((one) => (one === run ? { ...run, finished: end.kind === 'finished', reason } : one));
        strategies = await record(comparison, runs);
      });
    } finally {
      progress.end();
    }
    if (comparison.signal?.aborted) throw new InterruptedError();
  }
  const failed = runs.filter((run) => isAsked(comparison, run) && run.reason !== null);
  return { strategies, failed };
}

/** Writes how far the runs are, and what they say. */
async function record(comparison: Comparison, runs: readonly RunRow[]): Promise<readonly ComparisonRow[]> {
  await writeRuns(comparison, runs);
  return comparisonReport(comparison, runs);
}

/**
 * Runs so many at a time, in order. All are interrupted by the comparison's signal, or when one's end cannot be recorded.
 * @param onEnd called for one at a time, of those that ended by themselves
 */
async function runAll(
  comparison: Comparison,
  waiting: readonly RunRow[],
  progress: RoundProgress,
  onEnd: (run: RunRow, end: RunEnd) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  setMaxListeners(comparison.jobs, stop.signal); // more than the usual number is no leak here
  const interrupt = () => stop.abort();
  comparison.signal?.addEventListener('abort', interrupt);
  if (comparison.signal?.aborted) interrupt();
  try {
    await from(waiting)
      .pipe(
        mergeMap(
          async (run) => ({ run, end: await runOne(comparison, run, progress, stop.signal) }),
          comparison.jobs,
        ),
        filter(({ end }) => end.kind !== 'interrupted'),
        concatMap(({ run, end }) => onEnd(run, end)),
      )
      .forEach(() => {});
  } finally {
    comparison.signal?.removeEventListener('abort', interrupt);
    stop.abort();
  }
}

async function runOne(
  comparison: Comparison,
  run: RunRow,
  progress: RoundProgress,
  signal: AbortSignal,
): Promise<RunEnd> {
  const { recording, options } = comparison;
  const end = await runInThread(
    workerUrl(import.meta.url, './compare-thread.js'),
    {
      out: runFolder(comparison, run).path,
      recording: recording.path,
      options: { ...options, seed: run.seed },
      learning: learningOf(comparison, run.strategy),
      shared: sharedFolder(comparison).path,
      networks: networksFolder(comparison).path,
    },
    (news) => progress.hear(run, news),
    signal,
  );
  progress.ended(run, end);
  return end;
}
