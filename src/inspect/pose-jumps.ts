import { type Correction, correctedPose } from '../sources/correction.js';
import { distance } from './pairs.js';

/** A frame's pose as read, and when it was taken where the recording has a clock. */
export interface PosedFrame {
  readonly scene: string;
  readonly id: string;
  readonly pose: Float64Array;
  readonly time: number | undefined;
}

/** A step from one frame to the next that the camera cannot have made, by what it does otherwise. */
export interface Jump {
  readonly scene: string;
  /** The frames before and after. */
  readonly from: string;
  readonly to: string;
  readonly metres: number;
  /** How many times as fast as the median step it is. */
  readonly times: number;
}

const MUCH_FASTER = 10;
/** Shorter steps, metres, are a tremble. */
const LEAST_STEP = 0.2;

/**
 * Steps much faster than the median of their scene: by the clock where there is one, so that frames left out are no
 * jump, else by the frame.
 * @param runs frames that follow each other, each run of one scene
 */
export function poseJumps(runs: readonly (readonly PosedFrame[])[], correction: Correction): Jump[] {
  const scenes = new Map<string, (Omit<Jump, 'times'> & { readonly speed: number })[]>();
  for (const run of runs) {
    const poses = run.map(({ pose }) => correctedPose(pose, correction));
    for (let i = 1; i < run.length; i++) {
      const [before, after] = [run[i - 1]!, run[i]!];
      const seconds = before.time === undefined || after.time === undefined ? 1 : after.time - before.time;
      // Two frames of one moment, or times that run backward, tell no speed.
      if (!(seconds > 0)) continue;
      const metres = distance(poses[i - 1]!, poses[i]!);
      const { scene, id: to } = after;
      const steps = scenes.get(scene) ?? [];
      scenes.set(scene, steps);
      steps.push({ scene, from: before.id, to, metres, speed: metres / seconds });
    }
  }
  return [...scenes.values()].flatMap((steps) => {
    const median = medianOf(steps.map(({ speed }) => speed));
    return steps
      .filter(({ metres, speed }) => metres >= LEAST_STEP && speed >= MUCH_FASTER * median)
      .map(({ speed, ...step }) => ({ ...step, times: speed / median }));
  });
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
