import {
  firstValueFrom,
  lastValueFrom,
  NEVER,
  Observable,
  of,
  Subject,
  take,
  throwError,
  toArray,
} from 'rxjs';
import { describe, expect, test } from 'vitest';
import { pull } from '../../src/operators/pull.js';

const later = <T>(value: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value), 1));

async function* count(to: number, log: number[] = []): AsyncGenerator<number> {
  for (let i = 0; i < to; i++) {
    log.push(i);
    yield i;
  }
}

describe('pull', () => {
  test('empty, one, many', async () => {
    expect(await lastValueFrom(pull([], 2, (x) => of(x)).pipe(toArray()))).toEqual([]);
    expect(await lastValueFrom(pull([7], 2, (x) => of(x)).pipe(toArray()))).toEqual([7]);
    const all = await lastValueFrom(pull(count(500), 3, (x) => later(x)).pipe(toArray()));
    expect(all.sort((a, b) => a - b)).toEqual([...Array(500).keys()]);
  });

  test('a long synchronous source does not overflow the stack', async () => {
    const n = 100_000;
    expect((await lastValueFrom(pull(Array(n).fill(0), 1, (x) => of(x)).pipe(toArray()))).length).toBe(n);
  });

  test('never runs further ahead than stated', async () => {
    const read: number[] = [];
    const gates: Subject<void>[] = [];
    const done: unknown[] = [];
    const subscription = pull(count(100, read), 3, () => {
      const gate = new Subject<void>();
      gates.push(gate);
      return gate;
    }).subscribe((x) => done.push(x));
    await later(0);
    expect(read.length).toBe(3);
    gates[1].complete();
    await later(0);
    expect(read.length).toBe(4);
    gates[0].complete();
    gates[2].complete();
    await later(0);
    expect(read.length).toBe(6);
    subscription.unsubscribe();
  });

  test('items may emit none or several results', async () => {
    const project = (x: number) => (x % 2 ? of<number[]>() : of([x], [x]));
    expect(await lastValueFrom(pull(count(3), 1, project).pipe(toArray()))).toEqual([[0], [0], [2], [2]]);
  });

  test('an error of the source or of an item ends the stream, and the iterator is returned', async () => {
    let returned = 0;
    const source = () => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false as const, value: 1 }),
        return: async () => {
          returned++;
          return { done: true as const, value: undefined };
        },
      }),
    });
    await expect(lastValueFrom(pull(source(), 2, () => throwError(() => new Error('item'))))).rejects.toThrow(
      'item',
    );
    expect(returned).toBe(1);
    async function* broken(): AsyncGenerator<number> {
      yield 1;
      throw new Error('source');
    }
    await expect(lastValueFrom(pull(broken(), 1, (x) => of(x)))).rejects.toThrow('source');
  });

  test('an error in project counts as an error of the item', async () => {
    const project = (): Observable<never> => {
      throw new Error('project');
    };
    await expect(lastValueFrom(pull([1], 1, project))).rejects.toThrow('project');
  });

  test('unsubscribing early ends the items in flight and returns the iterator', async () => {
    let ended = 0;
    let returned = false;
    async function* endless(): AsyncGenerator<number> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        returned = true;
      }
    }
    const item = () =>
      new Observable<number>((subscriber) => {
        subscriber.next(1);
        return () => {
          ended++;
        };
      });
    await firstValueFrom(pull(endless(), 4, item).pipe(take(1)));
    await later(0);
    expect(ended).toBeGreaterThan(0);
    expect(returned).toBe(true);
  });

  test('a source that never yields, and items that never end, stay open', async () => {
    let state = 'open';
    const watch = { complete: () => (state = 'done'), error: () => (state = 'failed') };
    const silent: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
    };
    const a = pull(silent, 1, (x) => of(x)).subscribe(watch);
    const b = pull([1], 1, () => NEVER).subscribe(watch);
    await later(0);
    expect(state).toBe('open');
    a.unsubscribe();
    b.unsubscribe();
  });

  test('is cold: each subscription reads anew', async () => {
    const stream = pull([1, 2], 1, (x) => of(x));
    expect(await lastValueFrom(stream.pipe(toArray()))).toEqual([1, 2]);
    expect(await lastValueFrom(stream.pipe(toArray()))).toEqual([1, 2]);
  });
});
