import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadFrameError, UserError } from '../../src/errors.js';
import { type Frame, frameName } from '../../src/frame.js';
import { KeyframeGate } from '../../src/live/keyframes.js';
import { PlaybackSource, parseRate, withoutGaps } from '../../src/live/playback-source.js';
import type { FrameEntry, Recording } from '../../src/sources/recording.js';
import { VirtualClock } from './virtual-clock.js';

const ALL = new KeyframeGate({ move: 0, turn: 0, sharpness: 0 });

const entryOf = (name: string): FrameEntry => {
  const [scene = '', id = ''] = name.split('/');
  return { scene, id, labelled: false, fingerprint: name, labelFingerprint: '' };
};

/** A recording of frames that stand where `x` says; with times it has a clock. */
function recordingOf(
  names: readonly string[],
  { times, x = () => 0 }: { times?: Readonly<Record<string, number>>; x?: (name: string) => number } = {},
): Recording {
  const poseOf = (entry: FrameEntry) =>
    Float64Array.of(1, 0, 0, x(frameName(entry)), 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
  return {
    path: '/recording',
    format: 'own',
    classes: [],
    frames: names.map(entryOf),
    bad: [],
    read: async (entry, size): Promise<Frame> => {
      if (entry.id === 'bad') throw new BadFrameError('a/bad.png', 'truncated');
      return {
        ...entry,
        ...size,
        timestamp: 0,
        colour: new Uint8Array(size.width * size.height * 3),
        depth: new Float32Array(size.width * size.height),
        intrinsics: { fx: 1, fy: 1, cx: 0, cy: 0 },
        cameraToWorld: poseOf(entry),
      };
    },
    superpixelFile: () => undefined,
    ...(times && {
      async readTime(entry: FrameEntry) {
        const time = times[frameName(entry)];
        if (time === undefined) throw new BadFrameError('a/clock', 'no time');
        return time;
      },
    }),
  };
}

/** Plays all of it; says when each frame was told of. @param work seconds that the consumer takes for a frame */
async function play(source: PlaybackSource, clock: VirtualClock, work = 0): Promise<[string, number][]> {
  const told: [string, number][] = [];
  await clock.until(
    (async () => {
      for await (const entry of source.arrivals()) {
        told.push([frameName(entry), Math.round(clock.now() * 1e6) / 1e6]);
        clock.advance(work);
      }
    })(),
  );
  return told;
}

it('reads rates', () => {
  expect(['1x', '2x', '0.5x', 'max'].map(parseRate)).toEqual([1, 2, 0.5, Number.POSITIVE_INFINITY]);
  for (const text of ['', '0x', '1', '-1x', 'x', '1e9x', '1x ', 'fast']) {
    expect(() => parseRate(text)).toThrow(UserError);
  }
});

describe('a recording played back', () => {
  it('tells of frames at their times, at a rate', async () => {
    const times = { 'a/0': 100, 'a/1': 100.5, 'a/2': 102 };
    for (const [rate, expected] of [
      [1, [0, 0.5, 2]],
      [2, [0, 0.25, 1]],
      [Number.POSITIVE_INFINITY, [0, 0, 0]],
    ] as const) {
      const clock = new VirtualClock();
      const source = new PlaybackSource(recordingOf(Object.keys(times), { times }), {
        rate,
        gate: ALL,
        clock,
      });
      expect((await play(source, clock)).map(([, at]) => at)).toEqual(expected);
      expect(source.late).toEqual({ now: 0, most: 0 });
      expect(source.recording.frames).toHaveLength(3);
    }
  });

  it('without a clock plays scene after scene at a number of frames a second', async () => {
    const clock = new VirtualClock();
    const source = new PlaybackSource(recordingOf(['a/0', 'a/1', 'b/0', 'b/1']), {
      fps: 10,
      rate: 2,
      gate: ALL,
      clock,
    });
    expect(await play(source, clock)).toEqual([
      ['a/0', 0],
      ['a/1', 0.05],
      ['b/0', 0.1],
      ['b/1', 0.15],
    ]);
  });

  it('interleaves scenes that were recorded at once, and leaves out the time between others', async () => {
    const times = { 'a/0': 10, 'a/1': 11, 'b/0': 10.5, 'b/1': 11.5, 'c/0': 5000, 'c/1': 5001 };
    const clock = new VirtualClock();
    const names = Object.keys(times);
    const source = new PlaybackSource(recordingOf(names, { times }), { fps: 10, gate: ALL, clock });
    expect(await play(source, clock)).toEqual([
      ['a/0', 0],
      ['b/0', 0.5],
      ['a/1', 1],
      ['b/1', 1.5],
      ['c/0', 1.6],
      ['c/1', 2.6],
    ]);
  });

  it('drops nothing where frames are taken slowly: it runs late, says so, and catches up', async () => {
    const times = { 'a/0': 0, 'a/1': 1, 'a/2': 2, 'a/3': 20 };
    const clock = new VirtualClock();
    const source = new PlaybackSource(recordingOf(Object.keys(times), { times }), { gate: ALL, clock });
    expect(await play(source, clock, 3)).toEqual([
      ['a/0', 0],
      ['a/1', 3],
      ['a/2', 6],
      ['a/3', 20],
    ]);
    expect(source.late).toEqual({ now: 0, most: 4 });
    expect(source.counts).toMatchObject({ received: 4, kept: 4 });
  });

  it('looks at no frame before it is asked for it', async () => {
    const clock = new VirtualClock();
    const source = new PlaybackSource(recordingOf(['a/0', 'a/1', 'a/2']), { gate: ALL, clock });
    const arrivals = source.arrivals()[Symbol.asyncIterator]();
    await clock.until(arrivals.next());
    clock.advance(100);
    expect(source.counts.received).toBe(1);
    await source.close();
    expect((await arrivals.next()).done).toBe(true);
  });

  it('ends while it waits when it is closed', async () => {
    const clock = new VirtualClock();
    const source = new PlaybackSource(recordingOf(['a/0', 'a/1']), { fps: 0.001, gate: ALL, clock });
    const arrivals = source.arrivals()[Symbol.asyncIterator]();
    await arrivals.next();
    const next = arrivals.next();
    await clock.idle();
    await source.close();
    expect((await next).done).toBe(true);
    expect(clock.now()).toBe(0);
  });

  it('skips frames that bring nothing, and frames that are no good, with their reasons', async () => {
    const clock = new VirtualClock();
    const times = { 'a/0': 0, 'a/1': 1, 'a/bad': 2, 'a/3': 4 };
    const recording = recordingOf([...Object.keys(times), 'a/timeless'], {
      times,
      x: (name) => ({ 'a/1': 0.01, 'a/3': 1 })[name] ?? 0,
    });
    const source = new PlaybackSource(recording, { clock });
    expect((await play(source, clock)).map(([name]) => name)).toEqual(['a/0', 'a/3']);
    expect(source.counts).toEqual({
      received: 5,
      kept: 2,
      skipped: { still: 1, blurred: 0 },
      repeated: 0,
      refused: 2,
    });
    expect(source.recording.bad.map(({ file, reason }) => `${file}: ${reason}`)).toEqual([
      'a/clock: no time',
      'a/bad.png: truncated',
    ]);
  });

  it('begins with the frames of earlier runs, at once', async () => {
    const clock = new VirtualClock();
    const source = new PlaybackSource(recordingOf(['a/0', 'a/1', 'a/2', 'a/3']), {
      fps: 1,
      earlier: ['a/1', 'a/0', 'b/9'],
      gate: ALL,
      clock,
    });
    expect(await play(source, clock)).toEqual([
      ['a/1', 0],
      ['a/0', 0],
      ['a/2', 0],
      ['a/3', 1],
    ]);
  });

  it('plays every frame once, in order of time, with no gap longer than there was', () => {
    const frames = fc.array(
      fc.record({ scene: fc.constantFrom('a', 'b', 'c', 'd'), at: fc.integer({ min: -50, max: 50 }) }),
    );
    fc.assert(
      fc.property(frames, (list) => {
        const due = list.map(({ scene, at }, i) => ({ entry: entryOf(`${scene}/${i}`), at }));
        const played = withoutGaps(due, 1);
        expect(new Set(played.map(({ entry }) => entry))).toEqual(new Set(due.map(({ entry }) => entry)));
        for (let i = 1; i < played.length; i++) {
          const original = (k: number) => due.find(({ entry }) => entry === played[k]!.entry)!.at;
          const gap = played[i]!.at - played[i - 1]!.at;
          expect(gap).toBeGreaterThanOrEqual(0);
          expect(gap).toBeLessThanOrEqual(original(i) - original(i - 1));
        }
      }),
    );
  });
});
