import { parentPort, Worker } from 'node:worker_threads';
import { UserError } from './errors.js';

/** What a thread says of the task it was given. */
type Report<Progress> =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly mendable: boolean; readonly message: string };

/**
 * Hands tasks to threads as they become free. The first failure ends all of them.
 * @param name of a thread, for the user: "a rendering thread"
 * @param url its module, which calls `serveTasks`
 * @param onProgress hears what the tasks report while they are under way, in the order of each
 * @throws what a task threw: a UserError as one, anything else by its message
 */
export async function runTasks<Task, Progress>(
  name: string,
  url: URL,
  tasks: readonly Task[],
  workers: number,
  onProgress: (progress: Progress) => void,
): Promise<void> {
  let given = 0;
  const threads: Worker[] = [];
  const run = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(url);
      threads.push(worker);
      const give = (): void => {
        if (given < tasks.length) worker.postMessage(tasks[given++]);
        else resolve();
      };
      worker.on('message', (report: Report<Progress>) => {
        if (report.kind === 'progress') onProgress(report.progress);
        else if (report.kind === 'finished') give();
        else reject(report.mendable ? new UserError(report.message) : new Error(report.message));
      });
      worker.on('error', reject);
      worker.on('exit', () => reject(new Error(`${name} ended early.`)));
      give();
    });
  try {
    await Promise.all(Array.from({ length: Math.min(workers, tasks.length) }, run));
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

/** In a thread of `runTasks`: does each task as it comes. Does nothing outside one. */
export function serveTasks<Task, Progress>(
  run: (task: Task, onProgress: (progress: Progress) => void) => Promise<void>,
): void {
  const port = parentPort;
  if (port === null) return;
  const report = (message: Report<Progress>): void => port.postMessage(message);
  port.on('message', (task: Task) => {
    run(task, (progress) => report({ kind: 'progress', progress })).then(
      () => report({ kind: 'finished' }),
      (error: unknown) =>
        report({
          kind: 'failed',
          mendable: error instanceof UserError,
          message: error instanceof Error ? error.message : String(error),
        }),
    );
  });
}
