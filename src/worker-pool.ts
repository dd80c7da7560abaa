import { Worker } from 'node:worker_threads';

interface Task<Request, Reply> {
  readonly request: Request;
  /** Buffers that move to the worker. */
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** One thread and the task it is at; `task` undefined while it waits. */
interface Lane<Request, Reply> {
  readonly worker: Worker;
  task?: Task<Request, Reply> | undefined;
}

/**
 * Shares tasks among threads, first come first served. A worker sends one message when it is ready, and then one for every
 * request, in order. A worker that dies takes the pool with it: every task under way or waiting is rejected with the
 * reason, and so is every later one.
 */
export class WorkerPool<Request, Reply> {
  /** Resolves when every worker is ready; rejects if one cannot start. */
  readonly ready: Promise<void>;
  private readonly lanes: Lane<Request, Reply>[];
  private readonly waiting: Task<Request, Reply>[] = [];
  /** Why no more tasks are taken. */
  private stopped: Error | undefined;

  /**
   * @param name of a worker, for the user: "a segmentation worker"
   * @param url its module
   * @param hear gets every message first; what it throws ends the pool
   */
  constructor(
    private readonly name: string,
    url: URL,
    workers: number,
    workerData: unknown,
    private readonly hear: (message: Reply) => void = () => {},
  ) {
    this.lanes = Array.from({ length: workers }, () => ({ worker: new Worker(url, { workerData }) }));
    this.ready = Promise.all(this.lanes.map((lane) => this.watch(lane))).then(() => {});
    // Whoever asks for something hears of it too.
    this.ready.catch(() => {});
  }

  /** @param transfer buffers of the request that move to the worker */
  async ask(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<Reply> {
    if (this.stopped) throw this.stopped;
    return new Promise((resolve, reject) => {
      this.waiting.push({ request, transfer, resolve, reject });
      this.dispatch();
    });
  }

  /** Ends the workers; tasks that are not done are rejected with the reason. */
  async close(reason: Error): Promise<void> {
    this.stop(reason);
    await Promise.all(this.lanes.map(({ worker }) => worker.terminate()));
  }

  /** Resolves when the worker is ready; rejects if it ends before. */
  private watch(lane: Lane<Request, Reply>): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (error: Error) => {
        reject(error);
        this.stop(error);
      };
      const fail = (reason: string) => end(new Error(`${this.name} stopped: ${reason}`));
      let isReady = false;
      lane.worker.on('message', (message: Reply) => {
        try {
          this.hear(message);
        } catch (error) {
          end(error as Error);
          return;
        }
        if (isReady) this.finish(lane, message);
        isReady = true;
        resolve();
      });
      lane.worker.on('error', (error) => fail(error instanceof Error ? error.message : String(error)));
      lane.worker.on('exit', (code) => fail(`it ended with code ${code}`));
    });
  }

  private dispatch(): void {
    const lane = this.lanes.find(({ task }) => task === undefined);
    const task = lane && this.waiting.shift();
    if (!lane || !task) return;
    lane.task = task;
    lane.worker.postMessage(task.request, task.transfer);
  }

  private finish(lane: Lane<Request, Reply>, reply: Reply): void {
    const { task } = lane;
    lane.task = undefined;
    task?.resolve(reply);
    this.dispatch();
  }

  private stop(error: Error): void {
    if (this.stopped) return;
    this.stopped = error;
    for (const lane of this.lanes) {
      lane.task?.reject(error);
      lane.task = undefined;
      void lane.worker.terminate();
    }
    for (const task of this.waiting.splice(0)) task.reject(error);
  }
}
