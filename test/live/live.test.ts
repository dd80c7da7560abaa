import { join } from 'node:path';
import { EMPTY, filter, lastValueFrom, map, of, Subject, take, tap, timer, toArray } from 'rxjs';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type LiveInput,
  type LiveOptions,
  live,
  liveScenes,
  type SuperpixelOfScene,
} from '../../pipelines/live.js';
import { replay } from '../../pipelines/replay.js';
import { Horizon } from '../../src/live/horizon.js';
import type { LiveEvent, LiveWindow } from '../../src/live/live-event.js';
import type { LiveSource } from '../../src/live/live-source.js';
import { saveNetwork } from '../../src/model/checkpoint.js';
import { initialNetwork } from '../../src/model/network.js';
import { random, shuffle } from '../../src/random.js';
import { openRecording } from '../../src/sources/open.js';
import type { FrameEntry } from '../../src/sources/recording.js';
import { sceneKeys } from '../../src/stages/keys.js';
import { openLiveRun } from '../../src/stages/live/run.js';
import { windowTable } from '../../src/stages/live/tables.js';
import { SILENT } from '../../src/stages/monitor.js';
import { inFlight } from '../../src/stages/observe.js';
import { openRun } from '../../src/stages/run.js';
import { networkMaps } from '../../src/stages/segmentation.js';
import { readArrowMetadata } from '../../src/tables/arrow.js';
import { QUICK, smallRecording, temporaryFolder } from '../sample.js';

/** Frames of a recording as if they came now. */
async function sourceOf(path: string, order: (frames: readonly FrameEntry[]) => readonly FrameEntry[]) {
  const recording = await openRecording(path);
  const taken: FrameEntry[] = [];
  const source: LiveSource = {
    recording,
    whole: recording,
    async *arrivals() {
      for (const entry of order(recording.frames)) {
        taken.push(entry);
        yield entry;
      }
    },
    close: async () => {},
  };
  return { source, taken };
}

let recording: string;
let model: string;
let out: string;
beforeAll(async () => {
  recording = await smallRecording(2, 4);
  model = join(await temporaryFolder(), 'model');
  const { classes } = await openRecording(recording);
  await saveNetwork(
    model,
    initialNetwork({ width: 0.35, head: 'slim', classes: classes.length }, classes, 1),
    0,
  );
  out = await temporaryFolder();
});

const isWindow = (event: LiveEvent): event is LiveWindow => event.type === 'window';

const whole = { by: 'frames', frames: 1000 } as const;

async function run(
  name: string,
  options: LiveOptions,
  {
    order = (frames) => frames,
    budget = '6superpixels',
    most = Number.POSITIVE_INFINITY,
    labels = EMPTY,
  }: {
    order?: (frames: readonly FrameEntry[]) => readonly FrameEntry[];
    budget?: string;
    most?: number;
    labels?: NonNullable<LiveInput['labels']>;
  } = {},
): Promise<{ windows: LiveWindow[]; taken: FrameEntry[]; warnings: string[] }> {
  const { source, taken } = await sourceOf(recording, order);
  const warnings: string[] = [];
  const monitor = { ...SILENT, warn: (line: string) => warnings.push(line) };
  const { steps: _, ...quick } = QUICK;
  const { run: opened } = await openLiveRun(
    join(out, name),
    { ...quick, model, budget },
    recording,
    async () => source,
    monitor,
  );
  const network = await networkMaps(opened, model);
  try {
    const windows = await lastValueFrom(
      live(opened, { source, network, labels }, options).pipe(filter(isWindow), take(most), toArray()),
    );
    return { windows, taken, warnings };
  } finally {
    await network.close();
  }
}

const named = (rows: readonly { scene: string; frame: string; superpixel: number }[]) =>
  rows.map(({ scene, frame, superpixel }) => `${scene}/${frame}/${superpixel}`);

describe('a live run', () => {
  test('with one window picks what a replay of the same frames selects, and stores it', async () => {
    const { windows } = await run('whole', { window: whole });
    const batch = await openRun(join(out, 'batch'), { ...QUICK, steps: null, model }, { recording });
    const { selections } = await replay(batch);
    expect(windows).toHaveLength(1);
    const { window, model: network, ...first } = windows[0]!.rows[0]!;
    expect(first).toEqual(selections[0]);
    expect(named(windows[0]!.rows)).toEqual(named(selections));
    expect(network).toMatch(/^[0-9a-f]+$/);
    // Of frames that the recording says are labelled nothing is asked.
    const all = await run('all of it', { window: whole }, { budget: '1000superpixels' });
    const asked = new Set(all.windows[0]!.rows.map(({ frame }) => frame));
    expect([...asked].sort()).toEqual(['000001', '000002', '000003']);
    const { source } = await sourceOf(recording, (frames) => frames);
    const { run: again } = await openLiveRun(join(out, 'whole'), { model }, recording, async () => source);
    expect(await windowTable(again).readAll()).toEqual({ last: 1, rows: windows[0]!.rows });
    expect(window).toBe(1);
  });

  test('takes labels after the frames are over, for as long as it is to', async () => {
    const { source } = await sourceOf(recording, (frames) => frames);
    const { steps: _, ...quick } = QUICK;
    const options = { ...quick, model, budget: '2superpixels' };
    const { run: opened } = await openLiveRun(join(out, 'staying'), options, recording, async () => source);
    const network = await networkMaps(opened, model);
    const scenes = liveScenes(opened);
    const [labels, until] = [new Subject<SuperpixelOfScene[]>(), new Subject<void>()];
    const events: LiveEvent[] = [];
    const running = live(opened, { source, network, labels, until, scenes }, { window: whole }).forEach(
      (event) => {
        events.push(event);
      },
    );
    await vi.waitFor(() => expect(events.some(isWindow)).toBe(true), { timeout: 60_000 });
    const left = () => scenes.summaries().reduce((sum, { candidates }) => sum + candidates, 0);
    const before = left();
    const [scene] = scenes.names as [string];
    const [best] = (await scenes.look(scene, (one) => one.best(1)))!;
    labels.next([{ ...best!, scene }]);
    await vi.waitFor(() => expect(left()).toBeLessThan(before));
    until.next();
    await running;
    await network.close();
  });

  test('in windows asks for no surface twice, and goes on after a stop without what was asked before', async () => {
    const order = (frames: readonly FrameEntry[]) => shuffle([...frames], random(1));
    const window = { by: 'frames', frames: 2 } as const;
    const one = await run('windows', { window }, { order, budget: '2superpixels' });
    expect(one.windows.map(({ rows }) => rows.length)).toEqual([2, 2, 2, 2, 2].slice(0, one.windows.length));
    expect(one.windows.length).toBeGreaterThanOrEqual(4);
    const asked = one.windows.flatMap(({ rows }) => named(rows));
    expect(new Set(asked).size).toBe(asked.length);

    const stopped = await run('stopped', { window }, { order, budget: '2superpixels', most: 2 });
    expect(stopped.windows).toEqual(one.windows.slice(0, 2));
    const rest = await run('stopped', { window: whole }, { order, budget: '1000superpixels' });
    expect(rest.windows[0]!.window).toBe(3);
    const later = new Set(named(rest.windows[0]!.rows));
    for (const name of stopped.windows.flatMap(({ rows }) => named(rows)))
      expect(later.has(name)).toBe(false);
    expect(later.size).toBeGreaterThan(0);
  });

  test('asks for nothing that has fallen behind the horizon', async () => {
    const { windows } = await run(
      'horizon',
      { window: { by: 'frames', frames: 2 }, horizon: { by: 'frames', frames: 2 } },
      { budget: '1000superpixels' },
    );
    const { source } = await sourceOf(recording, (frames) => frames);
    const order = source.recording.frames.map(({ scene, id }) => `${scene}/${id}`);
    for (const [i, { rows }] of windows.slice(0, 4).entries())
      for (const { scene, frame } of rows)
        expect(order.slice(2 * i, 2 * i + 2)).toContain(`${scene}/${frame}`);
  });

  test('takes no more frames than it works on', async () => {
    const { source, taken } = await sourceOf(recording, (frames) => frames);
    const { steps: _, ...quick } = QUICK;
    const { run: opened } = await openLiveRun(
      join(out, 'slow'),
      { ...quick, model, workers: 1 },
      recording,
      async () => source,
    );
    const network = await networkMaps(opened, model);
    let most = 0;
    let done = 0;
    const counted = await lastValueFrom(
      live(opened, { source, network }, { window: { by: 'frames', frames: 1 } }).pipe(
        filter(isWindow),
        tap(() => {
          done++;
          most = Math.max(most, taken.length - done);
        }),
        toArray(),
      ),
    );
    await network.close();
    expect(counted.length).toBeGreaterThan(1);
    // Those in flight, and those whose windows are being picked.
    expect(most).toBeLessThanOrEqual(inFlight(opened) + 2);
  });

  test('goes on with another network, by which the frames before are looked at anew', async () => {
    const other = join(await temporaryFolder(), 'other');
    const { classes } = await openRecording(recording);
    const config = { width: 0.35, head: 'slim', classes: classes.length } as const;
    await saveNetwork(other, initialNetwork(config, classes, 2), 0);
    const { steps: _, ...quick } = QUICK;
    const options = { ...quick, model, budget: '1000superpixels' };
    const { source } = await sourceOf(recording, (frames) => frames);
    const { run: opened } = await openLiveRun(join(out, 'swapped'), options, recording, async () => source);
    const [first, second] = [await networkMaps(opened, model), await networkMaps(opened, other)];
    const isRenewed = async ({ scene, id }: FrameEntry) => {
      const path = opened.folder.frameFile('incidences', { scene, id });
      const [entry] = source.recording.frames.filter((one) => one.scene === scene && one.id === id);
      const { frames } = await sceneKeys(opened, [entry!], second.key);
      return (await readArrowMetadata(path))?.key === frames.get(id)!.incidences;
    };
    const waiting: LiveSource = {
      ...source,
      async *arrivals() {
        yield* source.arrivals();
        // Frames come to an end when the first ones have been looked at anew.
        for (let tries = 0; tries < 2000; tries++) {
          if ((await Promise.all(source.recording.frames.map(isRenewed))).every(Boolean)) return;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      },
    };
    const windows = await lastValueFrom(
      live(
        opened,
        { source: waiting, network: first, networks: timer(300).pipe(map(() => second)) },
        { window: whole },
      ).pipe(filter(isWindow), toArray()),
    );
    await Promise.all([first.close(), second.close()]);
    const rows = windows.flatMap((window) => window.rows);
    expect(new Set(rows.map((row) => row.model))).toEqual(new Set([second.key]));
    const { run: alone } = await openLiveRun(
      join(out, 'second'),
      { ...options, model: other },
      recording,
      async () => source,
    );
    const network = await networkMaps(alone, other);
    const expected = await lastValueFrom(
      live(alone, { source, network }, { window: whole }).pipe(filter(isWindow), toArray()),
    );
    await network.close();
    expect(rows).toEqual(expected.flatMap((window) => window.rows));
  });

  test('does not ask for what is labelled, whether its frame has come yet or not', async () => {
    const options = { window: whole };
    const { windows: before } = await run('unlabelled', options, { budget: '1000superpixels' });
    const { scene, frame, superpixel } = before[0]!.rows[0]!;
    const labels = of([{ scene, frame, superpixel }]);
    const { windows } = await run('labelled', options, { budget: '1000superpixels', labels });
    expect(named(before[0]!.rows)).toContain(`${scene}/${frame}/${superpixel}`);
    expect(named(windows[0]!.rows)).not.toContain(`${scene}/${frame}/${superpixel}`);
  });

  test('refuses to begin without a network', async () => {
    const { source } = await sourceOf(recording, (frames) => frames);
    await expect(openLiveRun(join(out, 'none'), {}, recording, async () => source)).rejects.toThrow(
      'expected --model <folder>',
    );
  });
});

describe('a horizon', () => {
  const frame = (id: number) => ({ scene: 's', id: `${id}` });

  test('by time lets frames go once, the oldest first', () => {
    const horizon = new Horizon({ by: 'time', milliseconds: 10 });
    for (const time of [0, 5, 20]) horizon.add(frame(time), time);
    expect(horizon.takeExpired(10)).toEqual(new Map());
    expect(horizon.takeExpired(11)).toEqual(new Map([['s', ['0']]]));
    expect(horizon.takeExpired(31)).toEqual(new Map([['s', ['5', '20']]]));
    expect(horizon.takeExpired(99)).toEqual(new Map());
  });

  test('by frames keeps the last ones', () => {
    const horizon = new Horizon({ by: 'frames', frames: 2 });
    for (let i = 0; i < 3; i++) horizon.add(frame(i), 0);
    expect(horizon.takeExpired(0)).toEqual(new Map([['s', ['0']]]));
    horizon.add(frame(3), 0);
    expect(horizon.takeExpired(0)).toEqual(new Map([['s', ['1']]]));
  });

  test('a clock that goes back keeps what is behind', () => {
    const horizon = new Horizon({ by: 'time', milliseconds: 10 });
    horizon.add(frame(0), 100);
    horizon.add(frame(1), 0);
    expect(horizon.takeExpired(50)).toEqual(new Map());
    expect(horizon.takeExpired(111)).toEqual(new Map([['s', ['0', '1']]]));
  });
});
