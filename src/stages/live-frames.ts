import { concatMap, lastValueFrom, type OperatorFunction, of, pipe } from 'rxjs';
import { frameName } from '../frame.js';
import { bin } from '../operators/bin.js';
import { observe } from '../operators/observe.js';
import { readFrames } from '../operators/read-frames.js';
import { stored } from '../operators/stored.js';
import type { FrameEntry } from '../sources/recording.js';
import type { Incidences } from '../store/incidences.js';
import { type BinnedFrame, type FrameId, incidenceTable } from '../tables/frame-tables.js';
import { sceneKeys } from './keys.js';
import { superpixelsOf } from './observe.js';
import type { Run } from './run.js';
import { type ProbabilitySource, segmentation } from './segmentation.js';

/**
 * Looks at frames as they come, one scene or many: superpixels, probabilities and incidences, each stored, or taken from where
 * they are stored already.
 */
export function observeLive(run: Run, source: ProbabilitySource): OperatorFunction<FrameEntry, BinnedFrame> {
  const observed = async (entry: FrameEntry): Promise<BinnedFrame> => {
    const scene = { name: entry.scene, entries: [entry], keys: await sceneKeys(run, [entry], source.key) };
    const look = stored(
      incidenceTable(run.folder),
      () => scene.keys.frames.get(entry.id)!.incidences,
      pipe(
        readFrames(run.recording, run.size),
        observe(segmentation(run, scene, source).onCpu, superpixelsOf(run, scene)),
        bin(run.options.voxel),
      ),
    );
    return lastValueFrom(of(entry).pipe(look));
  };
  return concatMap(observed);
}

/** Incidences of a frame that was looked at, whichever network made them. */
export async function storedIncidences(run: Run, frame: FrameId): Promise<Incidences> {
  const binned = await incidenceTable(run.folder).read(frame);
  if (binned === undefined) throw new Error(`the incidences of ${frameName(frame)} have gone`);
  return binned.incidences;
}
