import { PriorityQueue } from './priority-queue.js';

/**
 * Merges the scenes' pick sequences by trigger entropy, highest first. Scenes share no surface, so this is the
 * order that one greedy selection over all of them would have taken. Among equals the earlier sequence goes first.
 *
 * @param sequences each in descending order of `entropyOf`
 */
export function* mergePicks<T>(
  sequences: readonly Iterable<T>[],
  entropyOf: (pick: T) => number,
): Generator<T> {
  const iterators = sequences.map((sequence) => sequence[Symbol.iterator]());
  const heads: T[] = [];
  const queue = new PriorityQueue();
  const advance = (i: number) => {
    const next = iterators[i].next();
    if (next.done) return queue.delete(i);
    heads[i] = next.value;
    queue.set(i, entropyOf(next.value));
  };
  for (let i = 0; i < iterators.length; i++) advance(i);
  for (let i = queue.peek(); i !== undefined; i = queue.peek()) {
    yield heads[i];
    advance(i);
  }
}
