import { UserError } from '../errors.js';
import type { Frame } from '../frame.js';
import { WorkerPool } from '../worker-pool.js';
import { workerUrl } from '../worker-url.js';
import type { SeedsOptions } from './seeds.js';
import type { CutReply, CutRequest } from './superpixel-worker.js';
import type { Superpixels } from './superpixels.js';

/** `seeds` in threads, for runs whose network leaves the processor idle. */
export class SuperpixelPool {
  private readonly pool: WorkerPool<CutRequest, CutReply>;

  constructor(
    workers: number,
    private readonly options: SeedsOptions,
  ) {
    const url = workerUrl(import.meta.url, './superpixel-worker.js');
    this.pool = new WorkerPool('a superpixel worker', url, workers, undefined);
  }

  /** Reads `colour` only before it first yields. @throws as `seeds` */
  async cut(frame: Pick<Frame, 'width' | 'height' | 'colour'>): Promise<Superpixels> {
    const { width, height } = frame;
    const colour = new Uint8Array(frame.colour);
    const reply = await this.pool.ask({ width, height, colour, options: this.options }, [colour.buffer]);
    if (typeof reply === 'object' && 'ids' in reply) return reply;
    throw new UserError(typeof reply === 'object' ? reply.message : reply);
  }

  close(): Promise<void> {
    return this.pool.close(new Error('the superpixel threads are closed'));
  }
}
