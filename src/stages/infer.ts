import { lastValueFrom, of, pipe, tap } from 'rxjs';
import { frameName } from '../frame.js';
import { pull } from '../operators/pull.js';
import { readFrames } from '../operators/read-frames.js';
import { skipBadFrames } from '../operators/skip-bad-frames.js';
import type { Progress } from './monitor.js';
import { inFlight } from './observe.js';
import type { Run } from './run.js';
import type { Scene } from './scene.js';
import { type ProbabilitySource, segmentation } from './segmentation.js';

/** Runs MC dropout over a scene's frames and writes their probability maps, those that are not stored already. */
export async function inferScene(
  run: Run,
  scene: Scene,
  source: ProbabilitySource,
  progress: Progress,
): Promise<void> {
  const infer = pipe(readFrames(run.recording, run.size), segmentation(run, scene, source).onCpu);
  await lastValueFrom(
    pull(scene.entries, inFlight(run), (entry) =>
      of(entry).pipe(
        infer,
        skipBadFrames((error) => run.monitor.warn(`skipped ${frameName(entry)}: ${error.message}`)),
        tap({ complete: () => progress.advance() }),
      ),
    ),
    { defaultValue: undefined },
  );
}
