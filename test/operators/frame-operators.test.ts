import {
  concatMap,
  EMPTY,
  from,
  lastValueFrom,
  map,
  NEVER,
  of,
  pipe,
  Subject,
  throwError,
  toArray,
} from 'rxjs';
import { describe, expect, test } from 'vitest';
import { BadFrameError } from '../../src/errors.js';
import type { Segmenter } from '../../src/model/inference/segmenter.js';
import { bin } from '../../src/operators/bin.js';
import { cutSuperpixels } from '../../src/operators/cut-superpixels.js';
import { Turns } from '../../src/operators/in-turn.js';
import { integrate } from '../../src/operators/integrate.js';
import { observe } from '../../src/operators/observe.js';
import { pull } from '../../src/operators/pull.js';
import { segment } from '../../src/operators/segment.js';
import { selectByWindow } from '../../src/operators/select-by-window.js';
import { skipBadFrames } from '../../src/operators/skip-bad-frames.js';
import { stored } from '../../src/operators/stored.js';
import { BudgetMeter } from '../../src/selection/budget.js';
import { CpuPointStore } from '../../src/store/cpu-point-store.js';
import type { PickRow } from '../../src/tables/schemas.js';
import { randomFrame } from '../random-frames.js';

describe('observe, bin, integrate', () => {
  const seen = randomFrame(1);
  const network: Segmenter = {
    classes: 5,
    key: 'k',
    concurrency: 1,
    predict: async () => seen.probabilities,
    describe: async () => new Float32Array(64),
    close: async () => {},
  };

  test('carry a frame into the store', async () => {
    const store = new CpuPointStore(5);
    const result = await lastValueFrom(
      of(seen.frame).pipe(
        observe(segment(network), cutSuperpixels(6)),
        bin(0.05),
        integrate(async () => store),
      ),
    );
    const withDepth = seen.frame.depth.filter((d) => d > 0).length;
    expect(result.info.depthPixels).toBe(withDepth);
    expect((await store.snapshot()).pixels.reduce((a, b) => a + b, 0)).toBe(withDepth);
  });

  test('pass nothing, errors and silence on', async () => {
    const all = pipe(observe(segment(network), cutSuperpixels(6)), bin(0.05));
    expect(await lastValueFrom(EMPTY.pipe(all, toArray()))).toEqual([]);
    await expect(lastValueFrom(throwError(() => new Error('camera')).pipe(all))).rejects.toThrow('camera');
    let ended = false;
    const subscription = NEVER.pipe(all).subscribe({ complete: () => (ended = true) });
    subscription.unsubscribe();
    expect(ended).toBe(false);
  });

  test('ask for the network at the first frame, once it is needed', async () => {
    let opened = 0;
    const open = async () => {
      opened++;
      return network;
    };
    await lastValueFrom(EMPTY.pipe(segment(open), toArray()));
    expect(opened).toBe(0);
    await lastValueFrom(of(seen.frame).pipe(segment(open)));
    expect(opened).toBe(1);
  });
});

describe('skipBadFrames', () => {
  test('swallows bad frames and nothing else', async () => {
    const told: string[] = [];
    const skip = skipBadFrames<number>((error) => told.push(error.message));
    const bad = throwError(() => new BadFrameError('a.png', 'is truncated'));
    expect(await lastValueFrom(bad.pipe(skip, toArray()))).toEqual([]);
    expect(told).toEqual(['a.png: is truncated']);
    await expect(lastValueFrom(throwError(() => new Error('disk')).pipe(skip))).rejects.toThrow('disk');
    expect(await lastValueFrom(of(1, 2).pipe(skip, toArray()))).toEqual([1, 2]);
  });
});

describe('Turns', () => {
  test('let a step be taken in the order of setting out, whoever arrives first, past those that fail', async () => {
    const turns = new Turns();
    const log: number[] = [];
    const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const take = concatMap(async (x: number) => {
      await later(3 - x);
      log.push(x);
      return x;
    });
    const project = (x: number) => {
      const step = turns.inTurn(take);
      const arrive = from(
        later(10 * (4 - x)).then(() => (x === 1 ? Promise.reject(new BadFrameError('1', 'bad')) : x)),
      );
      return arrive.pipe(
        step,
        skipBadFrames(() => {}),
      );
    };
    await lastValueFrom(pull([0, 1, 2, 3], 4, project).pipe(toArray()));
    expect(log).toEqual([0, 2, 3]);
  });
});

describe('stored', () => {
  test('computes what is absent or stale, and only that', async () => {
    const entries = new Map<string, { key: string; entry: number }>();
    const table = {
      read: async ({ id }: { id: string }, key?: string) => {
        const found = entries.get(id);
        return found?.key === key ? found?.entry : undefined;
      },
      write: async ({ id }: { id: string }, key: string, entry: number) => {
        entries.set(id, { key, entry });
      },
    };
    let computed = 0;
    let version = 1;
    const count = stored(
      table,
      (frame: { scene: string; id: string }) => `${frame.id} ${version}`,
      map(() => ++computed),
    );
    const frame = { scene: 's', id: 'a' };
    expect(await lastValueFrom(of(frame).pipe(count))).toBe(1);
    expect(await lastValueFrom(of(frame).pipe(count))).toBe(1);
    version = 2;
    expect(await lastValueFrom(of(frame).pipe(count))).toBe(2);
    expect(computed).toBe(2);
  });
});

describe('selectByWindow', () => {
  const pick = (scene: string, entropy: number): PickRow => ({
    scene,
    frame: '0',
    superpixel: 0,
    pixels: 10,
    view_entropy: entropy,
    view_divergence: 0,
    trigger_frame: '0',
    trigger_superpixel: 0,
    trigger_entropy: entropy,
    overlap_set: 1,
  });
  const meter = () => new BudgetMeter({ amount: 3, unit: 'superpixels' }, 1, 100);

  test('merges the whole stream where no window closes', async () => {
    const scenes = from([[pick('a', 3), pick('a', 1)], [pick('b', 4), pick('b', 2)], []]);
    const selected = await lastValueFrom(scenes.pipe(selectByWindow(NEVER, meter)));
    expect(selected.map((row) => [row.rank, row.scene, row.trigger_entropy])).toEqual([
      [1, 'b', 4],
      [2, 'a', 3],
      [3, 'b', 2],
    ]);
  });

  test('starts each window with a fresh budget', () => {
    const [scenes, closing] = [new Subject<PickRow[]>(), new Subject<void>()];
    const windows: string[][] = [];
    scenes
      .pipe(selectByWindow(closing, meter))
      .subscribe((rows) => windows.push(rows.map((row) => row.scene)));
    scenes.next([pick('a', 1), pick('a', 0)]);
    closing.next();
    closing.next();
    scenes.next([pick('b', 2)]);
    scenes.complete();
    expect(windows).toEqual([['a', 'a'], [], ['b']]);
  });

  test('selects nothing from nothing', async () => {
    expect(await lastValueFrom(EMPTY.pipe(selectByWindow(NEVER, meter)))).toEqual([]);
  });
});
