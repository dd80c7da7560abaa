import { InterruptedError } from '../../errors.js';
import { footprintsOf } from '../footprints.js';
import { listScenes } from '../scene.js';
import { type Comparison, poolRun } from './comparison.js';

/** Cuts the superpixels and makes the footprints of the whole pool, so that the runs of a comparison only read them. */
export async function shareStage(comparison: Comparison): Promise<void> {
  const { pool, monitor, signal } = comparison;
  const run = poolRun(comparison);
  const progress = monitor.begin('share', pool.frames.length, 'frames');
  try {
    for (const scene of await listScenes(run, 'none')) {
      if (signal?.aborted) throw new InterruptedError();
      await footprintsOf(run, scene).forEach(() => {
        progress.advance();
      });
    }
  } finally {
    progress.end();
  }
}
