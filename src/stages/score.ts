import { setImmediate } from 'node:timers/promises';
import { frameName } from '../frame.js';
import { chooseBackend } from '../model/backend.js';
import type { PointStore, SuperpixelScores } from '../store/point-store.js';
import { incidenceTable } from '../tables/frame-tables.js';
import { readParquet, writeParquet } from '../tables/parquet.js';
import { type FrameRow, SCORES, type ScoreRow } from '../tables/schemas.js';
import { gpuOrCpu } from './gpu-or-cpu.js';
import { pairwiseOnCpu, pairwiseOnGpu } from './pairwise-scorers.js';
import type { Run } from './run.js';
import type { ObservedScene, ScoredScene } from './scene.js';

/**
 * Scores the superpixels of all used frames of a scene, in the frames' order, and writes the scores table. Reads
 * incidences and points; with `views: pairwise`, depth, poses and probability maps.
 */
export async function scoreScene(run: Run, scene: ObservedScene): Promise<ScoredScene> {
  const file = run.folder.sceneFile(SCORES.name, scene.name, 'parquet');
  const { name, entries, keys, frames, points } = scene;
  try {
    const known = await readParquet(file, SCORES, keys.scores);
    if (known !== undefined) return { name, entries, keys, frames, scores: known };
    const used = frames.filter((frame) => frame.used);
    const computed = await (run.options.views === 'pairwise' ? scorePairwiseFrames : scoreFromPoints)(
      run,
      scene,
      used,
    );
    const scores = await writeParquet(file, SCORES, keys.scores, computed);
    return { name, entries, keys, frames, scores };
  } finally {
    points.close();
  }
}

async function scoreFromPoints(
  run: Run,
  scene: ObservedScene,
  used: readonly FrameRow[],
): Promise<ScoreRow[]> {
  const { points } = scene;
  const { onGpu } = points;
  const from = async (store: PointStore) => scoreFrames(used, storeScorer(run, scene, store));
  return gpuOrCpu(run, 'Scores are computed', onGpu && (async () => from(await onGpu())), async () =>
    from(await points.onCpu()),
  );
}

async function scoreFrames(used: readonly FrameRow[], score: Scorer): Promise<ScoreRow[]> {
  const rows: ScoreRow[] = [];
  for (const frame of used) {
    rows.push(...scoreRows(frame, await score(frame)));
    await setImmediate(); // let bars be drawn and signals be heard
  }
  return rows;
}

type Scorer = (frame: FrameRow) => Promise<SuperpixelScores>;

function storeScorer(run: Run, scene: ObservedScene, store: PointStore): Scorer {
  const table = incidenceTable(run.folder);
  return async (row) => {
    const frame = { scene: row.scene, id: row.frame };
    const binned = await table.read(frame, scene.keys.frames.get(frame.id)?.incidences);
    if (binned === undefined) throw new Error(`the incidences of ${frameName(frame)} have gone`);
    return store.score(binned.incidences);
  };
}

async function scorePairwiseFrames(
  run: Run,
  scene: ObservedScene,
  used: readonly FrameRow[],
): Promise<ScoreRow[]> {
  const { name } = await chooseBackend(run.options.backend);
  const onGpu = async () => {
    const scorer = await pairwiseOnGpu(run, scene, used);
    try {
      return await scoreFrames(used, scorer.score);
    } finally {
      scorer.close();
    }
  };
  return gpuOrCpu(
    run,
    'Scores are computed',
    name === 'webgpu' && used.length > 0 ? onGpu : undefined,
    async () => scoreFrames(used, pairwiseOnCpu(run, scene, used)),
  );
}

function scoreRows(frame: FrameRow, scores: SuperpixelScores): ScoreRow[] {
  return [...scores.pixels.entries()].flatMap(([superpixel, pixels]) => {
    if (pixels === 0) return []; // an id that the user's own file leaves out
    const scored = scores.scoredPixels[superpixel];
    return [
      {
        scene: frame.scene,
        frame: frame.frame,
        superpixel,
        pixels,
        scored_pixels: scored,
        view_entropy: scored > 0 ? scores.viewEntropy[superpixel] : null,
        view_divergence: scored > 0 ? scores.viewDivergence[superpixel] : null,
        views: scored > 0 ? scores.views[superpixel] : null,
      },
    ];
  });
}
