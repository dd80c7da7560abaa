import { frameName } from '../frame.js';
import { GpuPairwiseScorer } from '../geometry/gpu/gpu-pairwise-scorer.js';
import { averageBySuperpixel, scorePairwise } from '../geometry/pairwise.js';
import { openGpu } from '../gpu/device.js';
import type { SuperpixelScores } from '../store/point-store.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import type { FrameRow } from '../tables/schemas.js';
import { storedSuperpixels } from './origins.js';
import { pairwiseViews, viewReader } from './pairwise-views.js';
import type { Run } from './run.js';
import type { ObservedScene } from './scene.js';

type Scorer = (frame: FrameRow) => Promise<SuperpixelScores>;

/** Scores a scene's frames by exact reprojection. @param used the scene's frames */
export function pairwiseOnCpu(run: Run, scene: ObservedScene, used: readonly FrameRow[]): Scorer {
  const views = pairwiseViews(viewReader(run, scene), used);
  return async (row) =>
    averageBySuperpixel(
      await scorePairwise(await views.of(row), views.others(row)),
      await superpixelsOf(run, scene, row),
    );
}

/**
 * The same on the GPU, with all views in its memory until it is closed.
 * @param used the scene's frames, one at least
 * @throws GpuError
 */
export async function pairwiseOnGpu(
  run: Run,
  scene: ObservedScene,
  used: readonly FrameRow[],
): Promise<{ readonly score: Scorer; close(): void }> {
  const gpu = await openGpu();
  const readView = viewReader(run, scene);
  const first = await readView(used[0]);
  const { classes } = first.probabilities;
  const scorer = await GpuPairwiseScorer.create(gpu, run.size, classes, used.length);
  try {
    await scorer.add(first);
    for (const row of used.slice(1)) await scorer.add(await readView(row));
  } catch (error) {
    scorer.destroy();
    throw error;
  }
  return {
    score: async (row) => scorer.score(used.indexOf(row), await superpixelsOf(run, scene, row)),
    close: () => scorer.destroy(),
  };
}

async function superpixelsOf(run: Run, scene: ObservedScene, row: FrameRow): Promise<Superpixels> {
  const frame = { scene: row.scene, id: row.frame };
  const superpixels = await storedSuperpixels(run, frame, scene.keys.frames.get(frame.id)!);
  if (superpixels === undefined) throw new Error(`the superpixels of ${frameName(frame)} have gone`);
  return superpixels;
}
