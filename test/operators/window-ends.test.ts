import { Subject } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { type WindowLength, windowEnds } from '../../src/operators/window-ends.js';

/**
 * In virtual time: a marble is a frame of the scene of its name, an e an end.
 * @param unsubscribed when the subscriber leaves, if it does
 */
function expectEnds(length: WindowLength, frames: string, ends: string, unsubscribed?: string): void {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run(({ hot, expectObservable }) => {
    const source = hot(frames, { a: { scene: 'a' }, b: { scene: 'b' } });
    const result = source.pipe(windowEnds(length, scheduler));
    expectObservable(result, unsubscribed).toBe(ends, { e: 'end' });
  });
}

const time = { by: 'time', milliseconds: 4 } as const;
const two = { by: 'frames', frames: 2 } as const;
const scene = { by: 'scene', milliseconds: 3 } as const;

describe('windows by time', () => {
  test('end on the clock, whether frames come or none, and with the source', () => {
    expectEnds(time, 'a---------(b|)', '----e---e-(e|)');
  });
  test('go on while nothing comes, until nobody listens', () => {
    expectEnds(time, '-', '----e---e---e', '^-------------!');
  });
});

describe('windows by frames', () => {
  test('end at every second frame, and with the source', () => {
    expectEnds(two, 'a-b--aab|', '--e---e-(e|)');
  });
  test('never end while nothing comes', () => {
    expectEnds(two, 'a-', '-', '^-----!');
  });
  test('take one of a single frame', () => {
    expectEnds({ by: 'frames', frames: 1 }, 'a-b|', 'e-e(e|)');
  });
});

describe('windows by scene', () => {
  test('end when a scene has been quiet, each for itself, and again when it comes back', () => {
    expectEnds(scene, 'aab---------a----|', '----ee---------e-(e|)');
  });
  test('what is quiet when the source ends, ends with it', () => {
    expectEnds(scene, 'ab|', '--(e|)');
  });
});

describe.each([time, two, scene])('windows by $by', (length) => {
  test('an empty source ends one; an error ends all, and passes', () => {
    expectEnds(length, '|', '(e|)');
    expectEnds(length, 'a-#', '--#');
  });

  test('an endless source is let go of with the subscriber', () => {
    const frames = new Subject<{ scene: string }>();
    const subscription = frames.pipe(windowEnds(length)).subscribe();
    expect(frames.observed).toBe(true);
    subscription.unsubscribe();
    expect(frames.observed).toBe(false);
  });
});
