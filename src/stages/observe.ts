import { availableParallelism } from 'node:os';
import { lastValueFrom, type OperatorFunction, of, pipe, tap } from 'rxjs';
import { type Frame, frameName } from '../frame.js';
import type { ProbabilityMap } from '../model/probability-map.js';
import { bin } from '../operators/bin.js';
import { cutSuperpixels } from '../operators/cut-superpixels.js';
import { Turns } from '../operators/in-turn.js';
import { integrate } from '../operators/integrate.js';
import { observe } from '../operators/observe.js';
import { pull } from '../operators/pull.js';
import { readFrames } from '../operators/read-frames.js';
import { skipBadFrames } from '../operators/skip-bad-frames.js';
import { stored } from '../operators/stored.js';
import { CpuPointStore } from '../store/cpu-point-store.js';
import type { PointStore } from '../store/point-store.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import { readArrowMetadata } from '../tables/arrow.js';
import { type BinnedFrame, type FrameInfo, incidenceTable, superpixelTable } from '../tables/frame-tables.js';
import { readParquet, writeParquet } from '../tables/parquet.js';
import { readPoints, writePoints } from '../tables/points-table.js';
import { FRAMES, type FrameRow, INCIDENCES, POINTS } from '../tables/schemas.js';
import type { Progress } from './monitor.js';
import { readOwnSuperpixels } from './origins.js';
import { ownOrStored } from './own-or-stored.js';
import type { Run } from './run.js';
import type { ObservedScene, Scene } from './scene.js';

/** Frames in flight: two more than workers, so that none waits for a frame to be decoded; some 7 MB each. */
export function inFlight(run: Run): number {
  return (run.options.workers ?? availableParallelism()) + 2;
}

/**
 * Streams a scene's frames through superpixels, network and binning into the scene's point store.
 *
 * Writes superpixels, probabilities and incidences (one file a frame), frames and points (one a scene). A frame whose
 * incidences are current is not even decoded. Bad frames are reported, noted in the frames table and left out.
 *
 * @param segmentation gives each frame's probability map
 */
export async function observeScene(
  run: Run,
  scene: Scene,
  segmentation: OperatorFunction<Frame, ProbabilityMap>,
  progress: Progress,
): Promise<ObservedScene> {
  const { folder, monitor } = run;
  const file = folder.sceneFile(FRAMES.name, scene.name, 'parquet');
  const known = await readParquet(file, FRAMES, scene.keys.frameRows);
  if (known !== undefined && (await isComplete(run, scene, known))) {
    progress.advance(scene.entries.length);
    const listed = new Set(run.recording.bad.map(frameName)); // told already
    for (const { frame: id, used, reason } of known)
      if (!used && !listed.has(frameName({ scene: scene.name, id })))
        monitor.warn(`skipped ${scene.name}/${id}: ${reason}`);
    return { ...scene, frames: known, store: () => restoreStore(run, scene) };
  }

  let store: CpuPointStore | undefined;
  const storeOf = (frame: BinnedFrame) => {
    store ??= new CpuPointStore(frame.incidences.classes);
    return store;
  };
  const seen = new Map<string, FrameInfo | string>();

  const binned = stored(
    incidenceTable(folder),
    (entry: Scene['entries'][number]) => scene.keys.frames.get(entry.id)!.incidences,
    pipe(
      readFrames(run.recording, run.size),
      observe(segmentation, superpixelsOf(run, scene)),
      bin(run.options.voxel),
    ),
  );
  const turns = new Turns();
  await lastValueFrom(
    pull(scene.entries, inFlight(run), (entry) =>
      of(entry).pipe(
        binned,
        // A store refuses a frame that would overfill it: which one must not depend on who is first.
        turns.inTurn(integrate(storeOf)),
        tap((frame) => seen.set(frame.id, frame.info)),
        skipBadFrames((error) => {
          seen.set(entry.id, error.message);
          monitor.warn(`skipped ${frameName(entry)}: ${error.message}`);
        }),
        tap({ complete: () => progress.advance() }),
      ),
    ),
    { defaultValue: undefined },
  );

  const points = await store?.snapshot();
  if (points !== undefined)
    await writePoints(folder, scene.name, scene.keys.points, points, run.options.voxel);
  const frames = [
    ...scene.entries.map((entry) => frameRow(run, entry, seen.get(entry.id)!)),
    ...run.recording.bad
      .filter((bad) => bad.scene === scene.name)
      .map((bad) => frameRow(run, bad, `${bad.file}: ${bad.reason}`)),
  ].sort((a, b) => (a.frame < b.frame ? -1 : 1));
  await writeParquet(file, FRAMES, scene.keys.frameRows, frames);
  return { ...scene, frames, store: async () => store ?? restoreStore(run, scene) };
}

/** Each frame's superpixels: stored ones, the user's own, or cut by SEEDS. */
export function superpixelsOf(run: Run, scene: Scene): OperatorFunction<Frame, Superpixels> {
  const keysOf = (frame: Frame) => scene.keys.frames.get(frame.id)!;
  return ownOrStored({
    table: superpixelTable(run.shared),
    keyOf: (frame) => keysOf(frame).superpixels,
    ownOf: (frame) => keysOf(frame).own.superpixels,
    readOwn: readOwnSuperpixels,
    compute: cutSuperpixels(run.options.superpixelCount),
  });
}

function frameRow(run: Run, frame: { scene: string; id: string }, seen: FrameInfo | string): FrameRow {
  const info = typeof seen === 'string' ? undefined : seen;
  return {
    scene: frame.scene,
    frame: frame.id,
    timestamp: info?.timestamp ?? null,
    used: info !== undefined,
    reason: typeof seen === 'string' ? seen : null,
    trained: run.training.has(frameName(frame)),
    validation: run.validation.has(frameName(frame)),
    width: run.size.width,
    height: run.size.height,
    fx: info?.intrinsics.fx ?? null,
    fy: info?.intrinsics.fy ?? null,
    cx: info?.intrinsics.cx ?? null,
    cy: info?.intrinsics.cy ?? null,
    camera_to_world: info?.cameraToWorld ?? [],
    depth_pixels: info?.depthPixels ?? 0,
  };
}

/** Whether all that later stages read of the scene is there: its points and the used frames' incidences. */
async function isComplete(run: Run, scene: Scene, frames: readonly FrameRow[]): Promise<boolean> {
  const used = frames.filter((frame) => frame.used);
  if (used.length === 0) return true;
  const keyOf = async (path: string) => (await readArrowMetadata(path))?.key;
  if ((await keyOf(run.folder.sceneFile(POINTS.name, scene.name, 'arrow'))) !== scene.keys.points)
    return false;
  for (const { frame: id } of used) {
    const path = run.folder.frameFile(INCIDENCES.name, { scene: scene.name, id });
    if ((await keyOf(path)) !== scene.keys.frames.get(id)?.incidences) return false;
  }
  return true;
}

async function restoreStore(run: Run, scene: Scene): Promise<PointStore> {
  const points = await readPoints(run.folder, scene.name, scene.keys.points);
  const store = new CpuPointStore(points?.classes ?? 0);
  if (points !== undefined) await store.merge(points);
  return store;
}
