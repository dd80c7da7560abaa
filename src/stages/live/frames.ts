import { concatMap, lastValueFrom, type OperatorFunction, of, pipe } from 'rxjs';
import { frameName } from '../../frame.js';
import { observe } from '../../operators/observe.js';
import { readFrames } from '../../operators/read-frames.js';
import { stored } from '../../operators/stored.js';
import type { FrameEntry } from '../../sources/recording.js';
import type { Incidences } from '../../store/incidences.js';
import { type BinnedFrame, type FrameId, incidenceTable } from '../../tables/frame-tables.js';
import type { FrameThreads } from '../frame-threads.js';
import { sceneKeys } from '../keys.js';
import { superpixelsOf } from '../observe.js';
import type { Run } from '../run.js';
import { type ProbabilitySource, segmentation } from '../segmentation.js';

/**
 * Looks at frames as they come, of one scene or many: superpixels, probabilities and incidences, each stored, or taken from where
 * they are stored already.
 */
export function observeLive(
  run: Run,
  source: ProbabilitySource,
  threads: FrameThreads,
): OperatorFunction<FrameEntry, BinnedFrame> {
  const table = incidenceTable(run.folder);
  return concatMap(async (entry: FrameEntry) => {
    const { key, look } = await lookAt(run, source, entry, threads);
    return lastValueFrom(of(entry).pipe(stored(table, () => key, look)));
  });
}

/** As `observeLive`, of frames that have been looked at by another network: incidences are not stored until `keep` is called. */
export function observeAnew(
  run: Run,
  source: ProbabilitySource,
  threads: FrameThreads,
): OperatorFunction<FrameEntry, BinnedFrame & { keep(): Promise<void> }> {
  const table = incidenceTable(run.folder);
  return concatMap(async (entry: FrameEntry) => {
    const { key, look } = await lookAt(run, source, entry, threads);
    const frame = await lastValueFrom(of(entry).pipe(look));
    return { ...frame, keep: () => table.write(entry, key, frame) };
  });
}

async function lookAt(run: Run, source: ProbabilitySource, entry: FrameEntry, threads: FrameThreads) {
  const scene = { name: entry.scene, entries: [entry], keys: await sceneKeys(run, [entry], source.key) };
  const look = pipe(
    readFrames(run.recording, run.size),
    observe(segmentation(run, scene, source).onCpu, superpixelsOf(run, scene, threads.cut)),
    threads.bin,
  );
  return { key: scene.keys.frames.get(entry.id)!.incidences, look };
}

/** Incidences of a frame that was looked at, whichever network made them. */
export async function storedIncidences(run: Run, frame: FrameId): Promise<Incidences> {
  const binned = await incidenceTable(run.folder).read(frame);
  if (binned === undefined) throw new Error(`the incidences of ${frameName(frame)} have gone`);
  return binned.incidences;
}
