import { OverlapIndex } from '../selection/overlap-index.js';
import type { SurfaceCandidate, Surfaces } from '../selection/surfaces.js';
import { P_SCALE } from '../store/fixed-point.js';
import type { Incidences } from '../store/incidences.js';
import { VoxelTable } from '../store/voxel-table.js';
import { type FrameId, incidenceTable } from '../tables/frame-tables.js';
import type { Run } from './run.js';
import type { ScoredScene } from './scene.js';

/** A scene's overlap index, and the number in it of each used frame's superpixel 0. */
export interface SceneOverlaps {
  readonly index: OverlapIndex;
  readonly firstOf: ReadonlyMap<string, number>;
}

/**
 * Joins the superpixels of a scene's used frames, in the frames' order. Reads incidences.
 * @param visit called with each frame's incidences on the way
 */
export async function sceneOverlaps(
  run: Run,
  scene: ScoredScene,
  visit: (frame: FrameId, incidences: Incidences) => void = () => {},
): Promise<SceneOverlaps> {
  const voxels = new VoxelTable();
  const index = new OverlapIndex();
  const firstOf = new Map<string, number>();
  const table = incidenceTable(run.folder);
  for (const row of scene.frames) {
    if (!row.used) continue;
    const frame = { scene: row.scene, id: row.frame };
    const binned = await table.read(frame, scene.keys.frames.get(frame.id)?.incidences);
    if (binned === undefined) throw new Error(`the incidences of ${row.scene}/${row.frame} have gone`);
    const { incidences } = binned;
    firstOf.set(frame.id, index.add(incidences, voxels.addAll(incidences.voxels)));
    visit(frame, incidences);
  }
  return { index, firstOf };
}

/** How many pixels of each of a frame's superpixels have labels, by id. */
export interface LabelledSuperpixels {
  /** Given by people. */
  readonly given: Uint32Array;
  /** Given, or carried from another view. */
  readonly known: Uint32Array;
}

/**
 * The scene's superpixels that may be labelled next: those of which less than half is known.
 * @param labelledOf undefined for a frame without labels
 */
export async function surfacesOf(
  run: Run,
  scene: ScoredScene,
  labelledOf: (frame: FrameId) => Promise<LabelledSuperpixels | undefined>,
): Promise<Surfaces> {
  const means = new Map<string, readonly Float32Array[]>();
  const { index, firstOf } = await sceneOverlaps(run, scene, (frame, incidences) => {
    means.set(frame.id, meanDistributions(incidences));
  });
  const labelled = new Map<string, LabelledSuperpixels | undefined>();
  for (const id of firstOf.keys()) labelled.set(id, await labelledOf({ scene: scene.name, id }));
  const candidates: SurfaceCandidate[] = [];
  for (const row of scene.scores) {
    const { frame, superpixel, view_entropy, view_divergence } = row;
    const of = labelled.get(frame);
    if (view_entropy === null || 2 * (of?.known[superpixel] ?? 0) >= row.pixels) continue;
    candidates.push({
      number: firstOf.get(frame)! + superpixel,
      frame,
      superpixel,
      pixels: row.pixels - (of?.given[superpixel] ?? 0),
      scoredPixels: row.scored_pixels,
      viewEntropy: view_entropy,
      viewDivergence: view_divergence ?? 0,
      meanP: means.get(frame)![superpixel],
    });
  }
  return { scene: scene.name, candidates: candidates.sort((a, b) => a.number - b.number), overlaps: index };
}

/** Mean of each superpixel's own distributions; zeros without depth. */
function meanDistributions({ classes, superpixels, rowStart, pixels, sumP }: Incidences): Float32Array[] {
  return Array.from({ length: superpixels }, (_, r) => {
    const mean = new Float32Array(classes);
    let count = 0;
    for (let row = rowStart[r]; row < rowStart[r + 1]; row++) {
      count += pixels[row];
      for (let c = 0; c < classes; c++) mean[c] += sumP[row * classes + c];
    }
    return count === 0 ? mean : mean.map((sum) => sum / (count * P_SCALE));
  });
}
