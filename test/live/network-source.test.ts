import { expect, test, vi } from 'vitest';
import { BadFrameError } from '../../src/errors.js';
import type { CapturedFrame } from '../../src/live/captured-frame.js';
import { KeyframeGate } from '../../src/live/keyframes.js';
import type { SkipReason } from '../../src/live/live-source.js';
import { NetworkSource } from '../../src/live/network-source.js';
import { png, ramp } from '../sources/builders.js';
import { HEIGHT, KEEP_ALL, newRecording, newSource, poseAt, sentFrame, WIDTH } from './frames.js';

/** Lets what can happen happen. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 50));

test('frames arrive in order, those of earlier runs first, each once, until it is closed', async () => {
  const recording = await newRecording();
  await recording.add(sentFrame({ id: 'old' }));
  const source = new NetworkSource(recording, { gate: KEEP_ALL });
  const ids: string[] = [];
  const reading = (async () => {
    for await (const { id } of source.arrivals()) ids.push(id);
  })();
  const answers = await Promise.all(['b', 'a', 'b', 'old', 'c'].map((id) => source.offer(sentFrame({ id }))));
  expect(answers.map(({ status }) => status)).toEqual(['kept', 'kept', 'repeated', 'repeated', 'kept']);
  await source.close();
  await reading;
  expect(ids).toEqual(['old', 'b', 'a', 'c']);
  expect(source.counts).toEqual({
    received: 5,
    kept: 3,
    repeated: 2,
    refused: 0,
    skipped: { still: 0, blurred: 0 },
  });
  expect(await source.offer(sentFrame({ id: 'late' }))).toEqual({
    scene: 'room',
    frame: 'late',
    status: 'refused',
    reason: 'the server is stopping: send it again later',
    again: true,
  });
});

test('no more frames are answered than may wait to be taken', async () => {
  const source = await newSource({}, { waiting: 2, isRead: false });
  const answered: string[] = [];
  for (const id of ['1', '2', '3', '4', '5'])
    void source.offer(sentFrame({ id })).then(({ frame }) => answered.push(frame!));
  // However slow the machine, the two come, and a third does not.
  await vi.waitFor(() => expect(answered).toEqual(['1', '2']), { timeout: 60_000 });
  await settle();
  expect(answered).toEqual(['1', '2']);
  expect(source.hasRoom).toBe(false);
  const arrivals = source.arrivals();
  await arrivals.next();
  await vi.waitFor(() => expect(answered).toEqual(['1', '2', '3']), { timeout: 60_000 });
  // Frames in hand are finished, taken or not.
  await source.close();
  expect(answered).toEqual(['1', '2', '3', '4', '5']);
  for (const expected of ['2', '3', '4', '5'])
    expect((await arrivals.next()).value).toMatchObject({ id: expected });
  expect((await arrivals.next()).done).toBe(true);
});

test('frames of a scene are judged one after another, and only stored ones are keyframes', async () => {
  const log: string[] = [];
  const verdicts: Record<string, SkipReason | undefined> = { 1: 'still', 2: 'blurred' };
  const source = await newSource(
    {},
    {
      gate: {
        judge: async ({ scene, cameraToWorld }) => {
          log.push(`judge ${scene}${cameraToWorld[3]}`);
          await settle();
          if (cameraToWorld[3] === 3) throw new BadFrameError('colour', 'cannot be decoded: nonsense');
          return verdicts[cameraToWorld[3]!];
        },
        keep: ({ scene, cameraToWorld }) => log.push(`keep ${scene}${cameraToWorld[3]}`),
      },
    },
  );
  const offer = (scene: string, x: number) =>
    source.offer(sentFrame({ scene, id: `${x}`, cameraToWorld: poseAt(x) }));
  const answers = await Promise.all([
    offer('a', 0),
    offer('a', 1),
    offer('b', 2),
    offer('a', 3),
    offer('a', 4),
  ]);
  expect(answers.map(({ status, reason }) => [status, reason])).toEqual([
    ['kept', undefined],
    ['skipped', 'still'],
    ['skipped', 'blurred'],
    ['refused', 'colour: cannot be decoded: nonsense'],
    ['kept', undefined],
  ]);
  expect(log.filter((line) => line.includes('a'))).toEqual([
    'judge a0',
    'keep a0',
    'judge a1',
    'judge a3',
    'judge a4',
    'keep a4',
  ]);
  expect(log.indexOf('judge b2')).toBeLessThan(2);
  expect(source.waiting).toBe(0);
  expect(source.counts).toMatchObject({
    received: 5,
    kept: 2,
    refused: 1,
    skipped: { still: 1, blurred: 1 },
  });
});

test('a clock that goes backwards, stands still or is years off changes nothing', async () => {
  const source = await newSource();
  for (const [i, timestamp] of [100, 99, -5e9, 1e18, 99, 0].entries())
    expect(await source.offer(sentFrame({ id: `${i}`, timestamp }))).toMatchObject({ status: 'kept' });
  const { recording } = source;
  const size = { width: 8, height: 6 };
  const times = await Promise.all(
    recording.frames.map(async (entry) => (await recording.read(entry, size)).timestamp),
  );
  expect(times).toEqual([100, 99, -5e9, 1e18, 99, 0]);
});

test('a camera that stands still, or whose colour is damaged, is told so by the real gate', async () => {
  const recording = await newRecording();
  const source = new NetworkSource(recording, {
    gate: new KeyframeGate({ move: 0.1, turn: 5, sharpness: 0.01 }),
  });
  const { colour } = sentFrame();
  const damaged = { ...colour, bytes: colour.bytes.subarray(0, colour.bytes.length - 30) };
  const sharp = {
    encoding: 'png',
    bytes: png(
      WIDTH,
      HEIGHT,
      ramp(WIDTH * HEIGHT, (i) => (i % WIDTH < 4 ? 0 : 255)),
    ),
  } as const;
  const offer = (id: string, x: number, some: Partial<CapturedFrame>) =>
    source.offer(sentFrame({ id, cameraToWorld: poseAt(x), ...some }));
  expect(await offer('1', 0, { colour: damaged })).toMatchObject({
    status: 'refused',
    reason: expect.stringMatching(/^colour: cannot be decoded/),
  });
  expect(await offer('2', 0, { colour: sharp })).toMatchObject({ status: 'kept' });
  expect(await offer('3', 0.05, { colour: sharp })).toMatchObject({ status: 'skipped', reason: 'still' });
  expect(await offer('4', 0.2, { colour: sharp })).toMatchObject({ status: 'kept' });
});
