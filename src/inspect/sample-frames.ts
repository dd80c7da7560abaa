import type { FrameEntry } from '../sources/recording.js';

/** Stretches of a recording that are looked into, frames in each, and how far its last frame is from its first at most. */
const STRETCHES = 12;
const IN_STRETCH = [0, 0.1, 1 / 3, 1];
const LONGEST = 60;

/** Frames that `sampleFrames` gives at most. */
export const MOST_SAMPLED = STRETCHES * IN_STRETCH.length;

/**
 * Frames that stand for a recording: all of a short one; else stretches spread evenly over its frames, and of each,
 * which never leaves its scene, frames at growing distances from the first. Frames that follow each other see the same
 * surfaces however long the recording is, and those further apart from places that differ.
 *
 * @param frames by scene, in order
 * @returns at most `MOST_SAMPLED`, each once, in order
 */
export function sampleFrames(frames: readonly FrameEntry[]): FrameEntry[] {
  if (frames.length <= MOST_SAMPLED) return [...frames];
  const each = frames.length / STRETCHES;
  const chosen = new Set<number>();
  for (let i = 0; i < STRETCHES; i++) {
    const middle = Math.floor((i + 0.5) * each);
    const [begin, end] = sceneAround(frames, middle);
    const span = Math.min(LONGEST, Math.floor(each) - 1, end - begin - 1);
    const first = Math.min(Math.max(middle - Math.floor(span / 2), begin), end - 1 - span);
    IN_STRETCH.forEach((share, k) => {
      chosen.add(first + Math.min(span, Math.max(k, Math.round(share * span))));
    });
  }
  return [...chosen].sort((a, b) => a - b).map((i) => frames[i]!);
}

/** The frames of the scene that frame `at` is of: from, inclusive, and to, exclusive. */
function sceneAround(frames: readonly FrameEntry[], at: number): [begin: number, end: number] {
  const { scene } = frames[at]!;
  let [begin, end] = [at, at + 1];
  while (begin > 0 && frames[begin - 1]!.scene === scene) begin--;
  while (end < frames.length && frames[end]!.scene === scene) end++;
  return [begin, end];
}
