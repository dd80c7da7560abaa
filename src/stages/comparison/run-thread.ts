import { Worker } from 'node:worker_threads';
import type { RoundRow } from '../../tables/schemas.js';
import type { LearningOptions } from '../learning/options.js';
import type { RunOptions } from '../options.js';

/** One run of a comparison, as its thread is started with. Folders by path. */
export interface RunThreadData {
  readonly out: string;
  readonly recording: string;
  readonly options: RunOptions;
  readonly learning: LearningOptions;
  readonly shared: string;
  readonly networks: string;
}

/** How a run ended. */
export type RunEnd =
  | { readonly kind: 'finished' }
  /** What is done is saved. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'failed'; readonly reason: string };

/** What a thread tells: any number of these, then how the run ended. */
export type RunNews =
  | { readonly kind: 'round'; readonly row: RoundRow }
  | { readonly kind: 'stage'; readonly stage: string }
  | { readonly kind: 'warning'; readonly line: string };

export type RunMessage = RunNews | RunEnd;

/**
 * Runs active learning in a thread of its own, so that no run waits for another's, and none brings another down. Any
 * message to the thread interrupts it.
 *
 * @param entry the thread's module
 * @param signal interrupts the run, which saves what it has; one that is aborted already starts nothing
 * @returns when the thread has ended; never rejects
 */
export function runInThread(
  entry: URL,
  workerData: RunThreadData,
  hear: (news: RunNews) => void,
  signal: AbortSignal,
): Promise<RunEnd> {
  if (signal.aborted) return Promise.resolve({ kind: 'interrupted' });
  return new Promise((resolve) => {
    const worker = new Worker(entry, { workerData });
    const interrupt = () => worker.postMessage('interrupt');
    signal.addEventListener('abort', interrupt);
    let end: RunEnd | undefined;
    worker.on('message', (message: RunMessage) => {
      if (message.kind === 'round' || message.kind === 'stage' || message.kind === 'warning') hear(message);
      else end = message;
    });
    worker.on('error', (error) => {
      end ??= { kind: 'failed', reason: `something unexpected happened: ${(error as Error).message}` };
    });
    worker.on('exit', (code) => {
      signal.removeEventListener('abort', interrupt);
      resolve(end ?? { kind: 'failed', reason: `its thread ended with code ${code}` });
    });
  });
}
