import { mergeMap, type Observable, of, pipe } from 'rxjs';
import type { BadFrameError } from '../errors.js';
import { type Frame, frameName } from '../frame.js';
import { pull } from '../operators/pull.js';
import { readFrames } from '../operators/read-frames.js';
import { skipBadFrames } from '../operators/skip-bad-frames.js';
import { stored } from '../operators/stored.js';
import { footprintOf } from '../store/footprint.js';
import { type FrameFootprint, footprintTable, frameInfo } from '../tables/frame-tables.js';
import { superpixelsOf } from './observe.js';
import type { Run } from './run.js';
import type { Scene } from './scene.js';

/** A scene's footprints, one at a time; made where they are not stored. Bad frames are left out. */
export function footprintsOf(run: Run, scene: Scene): Observable<FrameFootprint> {
  const cut = superpixelsOf(run, scene);
  const footprints = stored(
    footprintTable(run.shared),
    (entry: Scene['entries'][number]) => scene.keys.frames.get(entry.id)!.footprint,
    pipe(
      readFrames(run.recording, run.size),
      mergeMap((frame: Frame) =>
        of(frame).pipe(
          cut,
          mergeMap(async (superpixels) => ({
            scene: frame.scene,
            id: frame.id,
            info: frameInfo(frame),
            footprint: footprintOf(frame, superpixels, run.options.voxel),
          })),
        ),
      ),
    ),
  );
  return pull(scene.entries, 1, (entry) =>
    of(entry).pipe(
      footprints,
      skipBadFrames((error: BadFrameError) =>
        run.monitor.warn(`skipped ${frameName(entry)}: ${error.message}`),
      ),
    ),
  );
}
