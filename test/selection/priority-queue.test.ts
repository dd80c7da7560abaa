import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PriorityQueue } from '../../src/selection/priority-queue.js';

type Step = { kind: 'set'; item: number; key: number } | { kind: 'delete'; item: number } | { kind: 'pop' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), item: fc.nat(300), key: fc.integer({ min: -5, max: 5 }) }),
  fc.record({ kind: fc.constant('delete' as const), item: fc.nat(300) }),
  fc.record({ kind: fc.constant('pop' as const) }),
);

describe('the priority queue', () => {
  test('does as a sorted list does, whatever is set, changed, removed and popped', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const queue = new PriorityQueue();
        const model = new Map<number, number>();
        const first = () => [...model].sort(([a, x], [b, y]) => y - x || a - b)[0]?.[0];
        for (const s of steps) {
          if (s.kind === 'set') {
            queue.set(s.item, s.key);
            model.set(s.item, s.key);
          } else if (s.kind === 'delete') {
            expect(queue.delete(s.item)).toBe(model.delete(s.item));
          } else {
            const expected = first();
            expect(queue.pop()).toBe(expected);
            if (expected !== undefined) model.delete(expected);
          }
          expect(queue.size).toBe(model.size);
          expect(queue.peek()).toBe(first());
          for (const [item, key] of model) expect(queue.has(item) && queue.key(item)).toBe(key);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('refuses a key that is no number', () => {
    expect(() => new PriorityQueue().set(0, Number.NaN)).toThrow(RangeError);
  });
});

test('a clone goes its own way', () => {
  const queue = new PriorityQueue();
  for (const [item, key] of [3, 1, 2].entries()) queue.set(item, key);
  const clone = queue.clone();
  clone.pop();
  clone.set(1, 9);
  expect([clone.pop(), clone.pop(), clone.pop()]).toEqual([1, 2, undefined]);
  expect([queue.pop(), queue.pop(), queue.pop()]).toEqual([0, 2, 1]);
});
