import { availableParallelism } from 'node:os';
import type { OperatorFunction } from 'rxjs';
import type { Frame } from '../frame.js';
import { cutInThreads } from '../operators/cut-in-threads.js';
import { SuperpixelPool } from '../superpixels/superpixel-pool.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import type { Run } from './run.js';

/** Threads that cut superpixels while this one does the rest; started by the first frame. */
export class Cutters {
  readonly cut: OperatorFunction<Frame, Superpixels>;
  #pool: SuperpixelPool | undefined;

  /** @param most frames at once */
  constructor({ options: { superpixelCount: count, workers } }: Pick<Run, 'options'>, most: number) {
    const threads = Math.min(workers ?? availableParallelism(), most);
    this.cut = cutInThreads(() => {
      this.#pool ??= new SuperpixelPool(threads, count === undefined ? {} : { count });
      return this.#pool;
    });
  }

  async close(): Promise<void> {
    await this.#pool?.close();
  }
}
