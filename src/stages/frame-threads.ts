import { availableParallelism } from 'node:os';
import type { OperatorFunction } from 'rxjs';
import type { Frame } from '../frame.js';
import { binInThreads } from '../operators/bin-in-threads.js';
import { cutInThreads } from '../operators/cut-in-threads.js';
import type { Observation } from '../operators/observation.js';
import { BinningPool } from '../store/binning-pool.js';
import { SuperpixelPool } from '../superpixels/superpixel-pool.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import type { BinnedFrame } from '../tables/frame-tables.js';
import type { Run } from './run.js';

/** Threads that do what a frame costs by itself while this one does the rest; each started by its first frame. */
export class FrameThreads {
  readonly cut: OperatorFunction<Frame, Superpixels>;
  readonly bin: OperatorFunction<Observation, BinnedFrame>;
  #superpixels: SuperpixelPool | undefined;
  #binning: BinningPool | undefined;

  /** @param most frames at once */
  constructor({ options: { superpixelCount: count, workers, voxel } }: Pick<Run, 'options'>, most: number) {
    const threads = Math.min(workers ?? availableParallelism(), most);
    this.cut = cutInThreads(() => {
      this.#superpixels ??= new SuperpixelPool(threads, count === undefined ? {} : { count });
      return this.#superpixels;
    });
    this.bin = binInThreads(() => {
      this.#binning ??= new BinningPool(threads, voxel);
      return this.#binning;
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#superpixels?.close(), this.#binning?.close()]);
  }
}
