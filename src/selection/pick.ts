import type { OverlapIndex } from './overlap-index.js';
import type { PriorityQueue } from './priority-queue.js';

/** A superpixel to label. Superpixels are numbered as in the scene's overlap index. */
export interface Pick {
  /** The view of the surface to label: of the overlapping set, the one with the highest view divergence (Eq. 9). */
  readonly superpixel: number;
  /** The superpixel whose view entropy brought the surface up (Eq. 8). */
  readonly trigger: number;
  /** The trigger's view entropy, nats: a scene's picks come in descending order of it. */
  readonly triggerEntropy: number;
  /** Candidates that overlap the trigger or the pick, both included; they all leave the queue. */
  readonly overlapSet: number;
}

/**
 * The paper's greedy selection within one scene (§3.3): trigger by highest view entropy, take the highest view
 * divergence among the candidates that show the same surface, remove them all, and so on while anyone asks. What
 * overlaps the pick goes too, though it may not overlap the trigger: it would ask for what is being labelled.
 * Ties go to the smaller number, so the sequence depends on the scores alone.
 *
 * @param queue candidates keyed by view entropy; emptied as picks are taken
 * @param divergence view divergence by superpixel number
 */
export function* pickSurfaces(
  queue: PriorityQueue,
  divergence: ArrayLike<number>,
  index: OverlapIndex,
): Generator<Pick> {
  for (;;) {
    const trigger = queue.peek();
    if (trigger === undefined) return;
    const triggerEntropy = queue.key(trigger);
    const set = [trigger, ...index.overlapping(trigger).filter((other) => queue.has(other))];
    let superpixel = trigger;
    for (const candidate of set) {
      const gain = divergence[candidate] - divergence[superpixel];
      if (gain > 0 || (gain === 0 && candidate < superpixel)) superpixel = candidate;
    }
    const same = new Set([...set, ...index.overlapping(superpixel).filter((other) => queue.has(other))]);
    for (const candidate of same) queue.delete(candidate);
    yield { superpixel, trigger, triggerEntropy, overlapSet: same.size };
  }
}
