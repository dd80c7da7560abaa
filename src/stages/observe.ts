import { availableParallelism } from 'node:os';
import { lastValueFrom, type OperatorFunction, of, pipe, tap } from 'rxjs';
import { type Frame, frameName } from '../frame.js';
import { openGpu } from '../gpu/device.js';
import type { GpuProbabilityMap, ProbabilityMap } from '../model/probability-map.js';
import { bin } from '../operators/bin.js';
import { cutSuperpixels } from '../operators/cut-superpixels.js';
import { Turns } from '../operators/in-turn.js';
import { integrate } from '../operators/integrate.js';
import { integrateOnGpu } from '../operators/integrate-on-gpu.js';
import { observe } from '../operators/observe.js';
import { observeOnGpu } from '../operators/observe-on-gpu.js';
import { pull } from '../operators/pull.js';
import { readFrames } from '../operators/read-frames.js';
import { skipBadFrames } from '../operators/skip-bad-frames.js';
import { stored } from '../operators/stored.js';
import { CpuPointStore } from '../store/cpu-point-store.js';
import { GpuBinner } from '../store/gpu/binner.js';
import { GpuPointStore } from '../store/gpu-point-store.js';
import type { PointStore } from '../store/point-store.js';
import type { Superpixels } from '../superpixels/superpixels.js';
import { readArrowMetadata } from '../tables/arrow.js';
import { type BinnedFrame, type FrameInfo, incidenceTable, superpixelTable } from '../tables/frame-tables.js';
import { readParquet, writeParquet } from '../tables/parquet.js';
import { writePoints } from '../tables/points-table.js';
import { FRAMES, type FrameRow, INCIDENCES, POINTS } from '../tables/schemas.js';
import { FrameThreads } from './frame-threads.js';
import { gpuOrCpu } from './gpu-or-cpu.js';
import type { Progress } from './monitor.js';
import type { Segmentation } from './network.js';
import { readOwnSuperpixels } from './origins.js';
import { ownOrStored } from './own-or-stored.js';
import type { Run } from './run.js';
import type { ObservedScene, Scene } from './scene.js';
import { type Integrated, ScenePoints } from './scene-points.js';

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
 * With maps of the GPU, points are there too; should the GPU fail, the CPU goes on with what was stored.
 */
export async function observeScene(
  run: Run,
  scene: Scene,
  maps: Segmentation,
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
    const points = new ScenePoints(run, scene, { at: maps.onGpu ? 'gpu' : 'cpu', store: undefined });
    return { ...scene, frames: known, points };
  }

  const seen: Seen = new Map();
  const { onGpu, onCpu } = maps;
  const integrated = await gpuOrCpu<Integrated>(
    run,
    'Points are kept',
    onGpu && (() => observeFramesOnGpu(run, scene, onGpu, seen, progress)),
    () => observeFramesOnCpu(run, scene, onCpu, seen, progress),
  );
  const frames = [
    ...scene.entries.map((entry) => frameRow(run, entry, seen.get(entry.id)!)),
    ...run.recording.bad
      .filter((bad) => bad.scene === scene.name)
      .map((bad) => frameRow(run, bad, `${bad.file}: ${bad.reason}`)),
  ].sort((a, b) => (a.frame < b.frame ? -1 : 1));
  await writeParquet(file, FRAMES, scene.keys.frameRows, frames);
  return { ...scene, frames, points: new ScenePoints(run, scene, integrated) };
}

/** What is known of each frame: why it was left out, if it was. */
type Seen = Map<string, FrameInfo | string>;

async function observeFramesOnCpu(
  run: Run,
  scene: Scene,
  segmentation: OperatorFunction<Frame, ProbabilityMap>,
  seen: Seen,
  progress: Progress,
): Promise<Integrated> {
  let store: CpuPointStore | undefined;
  const storeOf = async ({ incidences }: BinnedFrame) => {
    store ??= new CpuPointStore(incidences.classes);
    return store;
  };
  const look = pipe(
    readFrames(run.recording, run.size),
    observe(segmentation, superpixelsOf(run, scene)),
    bin(run.options.voxel),
  );
  await observeFrames(run, scene, inFlight(run), look, integrate(storeOf), seen, progress);
  await keepPoints(run, scene, store);
  return { at: 'cpu', store };
}

/** Frames in flight on the GPU: one each for decoding, cutting, segmenting, binning, and two for the disk. */
const IN_FLIGHT_ON_GPU = 6;

async function observeFramesOnGpu(
  run: Run,
  scene: Scene,
  segmentation: OperatorFunction<Frame, ProbabilityMap | GpuProbabilityMap>,
  seen: Seen,
  progress: Progress,
): Promise<Integrated> {
  const gpu = await openGpu();
  let created: Promise<GpuPointStore> | undefined;
  const storeOf = ({ incidences }: BinnedFrame) => {
    created ??= GpuPointStore.create(gpu, incidences.classes);
    return created;
  };
  const binners = new Map<number, Promise<GpuBinner>>();
  const binnerOf = (classes: number) => {
    const binner = binners.get(classes) ?? GpuBinner.create(gpu, run.size, classes);
    binners.set(classes, binner);
    return binner;
  };
  // The network leaves the processor to others: this thread has its commands to record, so others cut.
  const threads = new FrameThreads(run, IN_FLIGHT_ON_GPU);
  const look = pipe(
    readFrames(run.recording, run.size),
    observeOnGpu(segmentation, superpixelsOf(run, scene, threads.cut), binnerOf, run.options.voxel),
  );
  try {
    await observeFrames(run, scene, IN_FLIGHT_ON_GPU, look, integrateOnGpu(storeOf), seen, progress);
  } finally {
    await threads.close();
  }
  // Not where that threw: frames in flight may be on their way still. What nobody holds is collected.
  for (const binner of binners.values()) (await binner).destroy();
  const store = await created;
  await keepPoints(run, scene, store);
  return { at: 'gpu', store };
}

async function observeFrames(
  { folder, monitor }: Run,
  scene: Scene,
  most: number,
  look: OperatorFunction<Scene['entries'][number], BinnedFrame>,
  integration: OperatorFunction<BinnedFrame, BinnedFrame>,
  seen: Seen,
  progress: Progress,
): Promise<void> {
  const binned = stored(
    incidenceTable(folder),
    (entry: Scene['entries'][number]) => scene.keys.frames.get(entry.id)!.incidences,
    look,
  );
  const turns = new Turns();
  const note = (id: string, what: FrameInfo | string) => {
    // Frames are met again where the CPU goes on for the GPU.
    if (!seen.has(id)) {
      progress.advance();
      if (typeof what === 'string') monitor.warn(`skipped ${frameName({ scene: scene.name, id })}: ${what}`);
    }
    seen.set(id, what);
  };
  await lastValueFrom(
    pull(scene.entries, most, (entry) =>
      of(entry).pipe(
        binned,
        // A store refuses a frame that would overfill it: which one must not depend on who is first.
        turns.inTurn(integration),
        tap(({ id, info }) => note(id, info)),
        skipBadFrames((error) => note(entry.id, error.message)),
      ),
    ),
    { defaultValue: undefined },
  );
}

async function keepPoints(run: Run, scene: Scene, store: PointStore | undefined): Promise<void> {
  if (store === undefined) return;
  const points = await store.snapshot();
  await writePoints(run.folder, scene.name, scene.keys.points, points, run.options.voxel);
}

/** Each frame's superpixels: stored ones, the user's own, or cut by SEEDS. */
export function superpixelsOf(
  run: Run,
  scene: Scene,
  compute = cutSuperpixels(run.options.superpixelCount),
): OperatorFunction<Frame, Superpixels> {
  const keysOf = (frame: Frame) => scene.keys.frames.get(frame.id)!;
  return ownOrStored({
    table: superpixelTable(run.shared),
    keyOf: (frame) => keysOf(frame).superpixels,
    ownOf: (frame) => keysOf(frame).own.superpixels,
    readOwn: readOwnSuperpixels,
    compute,
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
