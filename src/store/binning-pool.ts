import { BadFrameError } from '../errors.js';
import { frameName } from '../frame.js';
import type { ProbabilityMap } from '../model/probability-map.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import { WorkerPool } from '../worker-pool.js';
import { workerUrl } from '../worker-url.js';
import type { BinningReply, BinningRequest } from './binning-worker.js';
import type { PlacedFrame } from './footprint.js';
import type { Incidences } from './incidences.js';

/** `footprintOf` and `sumIncidences` in threads, for runs whose network leaves the processor idle. */
export class BinningPool {
  private readonly pool: WorkerPool<BinningRequest, BinningReply>;

  /** @param voxelSize edge of a voxel, metres */
  constructor(
    workers: number,
    private readonly voxelSize: number,
  ) {
    const url = workerUrl(import.meta.url, './binning-worker.js');
    this.pool = new WorkerPool('a binning worker', url, workers, undefined);
  }

  /** Reads the images only before it first yields. @throws as `footprintOf` and `sumIncidences` */
  async bin(
    frame: PlacedFrame,
    superpixels: Superpixels,
    probabilities: ProbabilityMap,
  ): Promise<Incidences> {
    const { scene, id, width, height, intrinsics } = frame;
    const depth = new Float32Array(frame.depth);
    const ids = new Uint16Array(superpixels.ids);
    const data = new Uint16Array(probabilities.data);
    const reply = await this.pool.ask(
      {
        frame: { scene, id, width, height, intrinsics, depth, cameraToWorld: frame.cameraToWorld },
        superpixels: { ...superpixels, ids },
        probabilities: { ...probabilities, data },
        voxelSize: this.voxelSize,
      },
      [depth.buffer, ids.buffer, data.buffer],
    );
    if (typeof reply === 'object' && 'voxel' in reply) return reply;
    if (typeof reply === 'object' && reply.isBadFrame)
      throw new BadFrameError(frameName(frame), reply.message);
    throw new Error(typeof reply === 'object' ? reply.message : reply);
  }

  close(): Promise<void> {
    return this.pool.close(new Error('the binning threads are closed'));
  }
}
