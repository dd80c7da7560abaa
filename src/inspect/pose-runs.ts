import { BadFrameError } from '../errors.js';
import type { Recording } from '../sources/recording.js';
import type { PosedFrame } from './pose-jumps.js';

/** Runs of frames that poses are read of, and frames of a run, where the recording has more. */
const RUNS = 20;
const IN_RUN = 100;
/** Poses read at once: enough to hide a disk's delay. */
const LOOKUPS = 32;

/**
 * Poses of frames that follow each other, each run of one scene; of a long recording, runs spread over it.
 * None where the recording cannot tell poses without decoding frames.
 */
export async function poseRuns(recording: Recording): Promise<PosedFrame[][]> {
  const { frames } = recording;
  if (recording.readPose === undefined) return [];
  const wanted =
    frames.length <= RUNS * IN_RUN
      ? [frames]
      : Array.from({ length: RUNS }, (_, i) => {
          const start = Math.round((i * (frames.length - IN_RUN)) / (RUNS - 1));
          return frames.slice(start, start + IN_RUN);
        });
  const runs: PosedFrame[][] = [];
  for (const run of wanted) {
    const posed: PosedFrame[] = [];
    for (let start = 0; start < run.length; start += LOOKUPS) {
      const read = run.slice(start, start + LOOKUPS).map(async (entry) => ({
        scene: entry.scene,
        id: entry.id,
        pose: await recording.readPose!(entry),
        time: await recording.readTime?.(entry),
      }));
      // A frame without a pose is reported where it is read; a step across it is one all the same.
      for (const result of await Promise.allSettled(read)) {
        if (result.status === 'fulfilled') posed.push(result.value);
        else if (!(result.reason instanceof BadFrameError)) throw result.reason;
      }
    }
    for (const scene of new Set(posed.map((frame) => frame.scene)))
      runs.push(posed.filter((frame) => frame.scene === scene));
  }
  return runs;
}
