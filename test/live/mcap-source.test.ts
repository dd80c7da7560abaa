import { appendFile, mkdtemp, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { growingFile } from '../../src/live/growing-file.js';
import { KeyframeGate } from '../../src/live/keyframes.js';
import { LiveRecording } from '../../src/live/live-recording.js';
import { McapSource, type McapSourceOptions } from '../../src/live/mcap-source.js';
import { openRecording } from '../../src/sources/open.js';
import { mcapBytes } from '../sources/mcap-files.js';
import { COLOUR, drive, OPTICAL, red } from '../sources/ros-drive.js';
import { ROS2 } from '../sources/ros-messages.js';
import { KEEP_ALL, newRecording } from './frames.js';
import { VirtualClock } from './virtual-clock.js';

const OPTIONS: McapSourceOptions = { name: 'The stream', scene: 'walk', gate: KEEP_ALL };
const ids = (n: number) =>
  Array.from({ length: n }, (_, i) => `${Math.floor((i + 1) / 10)}.${(i + 1) % 10}00000000`);
/** Lets what can happen happen. */
const settle = (ms = 100) => new Promise((resolve) => setTimeout(resolve, ms));

function* inPieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

const streamOf = (bytes: Uint8Array, size = 1000) =>
  Readable.from(inPieces(bytes, size), { objectMode: false });

async function arrived(source: McapSource): Promise<string[]> {
  const names: string[] = [];
  for await (const { scene, id } of source.arrivals()) names.push(`${scene}/${id}`);
  return names;
}

const walk = (n: number) => ids(n).map((id) => `walk/${id}`);
const temporary = async (name: string) => join(await mkdtemp(join(tmpdir(), 'viewal-mcap-')), name);

test('frames of a stream are stored before they are told of, and read like any others', async () => {
  const recording = await newRecording();
  const source = McapSource.open(streamOf(mcapBytes(drive(1.5))), recording, OPTIONS);
  const names: string[] = [];
  for await (const entry of source.arrivals()) {
    names.push(`${entry.scene}/${entry.id}`);
    expect((await openRecording(recording.path)).frames.map(({ id }) => id)).toContain(entry.id);
  }
  expect(names).toEqual(walk(15));
  expect(source.counts).toMatchObject({ received: 15, kept: 15, refused: 0, repeated: 0 });
  const [entry] = source.recording.frames;
  const frame = await recording.read(entry!, { width: 8, height: 6 });
  expect(frame).toMatchObject({ timestamp: 0.1, intrinsics: { fx: 8, fy: 9, cx: 3.5, cy: 2.5 } });
  expect([...frame.colour]).toEqual([...red.data]);
  expect([...frame.depth]).toEqual(Array.from({ length: 48 }, (_, i) => Math.fround((1000 + i) / 1000)));
  expect(frame.cameraToWorld[3]).toBeCloseTo(0.1, 9);
});

test('the same stream again brings nothing twice', async () => {
  const { path } = await newRecording();
  const half = mcapBytes(drive(0.8));
  await arrived(McapSource.open(streamOf(half), await LiveRecording.open(path), OPTIONS));
  const source = McapSource.open(streamOf(mcapBytes(drive(1.5))), await LiveRecording.open(path), OPTIONS);
  expect(await arrived(source)).toEqual(walk(15));
  expect(source.counts).toMatchObject({ kept: 7, repeated: 8 });
});

test('frames pass the gate, and bad ones are refused', async () => {
  // A metre in ten frames: of four that are 10 cm apart one is kept at 35 cm.
  const gate = new KeyframeGate({ move: 0.35, turn: 180, sharpness: 0 });
  const strange = drive(1.5).map((message) =>
    message.topic === COLOUR && message.time === 0.1
      ? ROS2.image(COLOUR, 0.104, OPTICAL, { ...red, encoding: 'bayer_rggb8' }, 0.1)
      : message,
  );
  const source = McapSource.open(streamOf(mcapBytes(strange)), await newRecording(), { ...OPTIONS, gate });
  expect(await arrived(source)).toEqual(['0.2', '0.6', '1.0', '1.4'].map((id) => `walk/${id}00000000`));
  expect(source.counts).toEqual({
    ...{ received: 15, kept: 4, repeated: 0, refused: 1 },
    skipped: { still: 10, blurred: 0 },
  });
});

test('a stream is read no further than so many frames ahead of who takes them', async () => {
  const bytes = mcapBytes(drive(100), { perChunk: 4 });
  let asked = 0;
  async function* counted() {
    for (const piece of inPieces(bytes, 500)) {
      asked += piece.length;
      yield piece;
    }
  }
  const stream = Readable.from(counted(), { objectMode: false, highWaterMark: 500 });
  const source = McapSource.open(stream, await newRecording(), { ...OPTIONS, waiting: 5 });
  const arrivals = source.arrivals();
  await settle();
  expect(asked).toBe(0);
  await arrivals.next();
  await settle(300);
  // A second is looked at in advance: ten frames. One was taken, five wait, one is in hand.
  expect(source.counts.kept).toBe(6);
  expect(asked).toBeLessThan((bytes.length / 1000) * 20);
  for (let i = 0; i < 20; i++) await arrivals.next();
  await settle(300);
  expect(source.counts.kept).toBe(26);
  expect(asked).toBeLessThan((bytes.length / 1000) * 40);
  await source.close();
});

test('a file is followed as it is written, until its end mark', async () => {
  const bytes = mcapBytes(drive(2));
  const part = Math.floor(bytes.length * 0.75);
  const path = await temporary('a.mcap');
  await writeFile(path, bytes.subarray(0, part));
  const clock = new VirtualClock();
  const source = McapSource.open(path, await newRecording(), { ...OPTIONS, clock });
  const names: string[] = [];
  const reading = (async () => {
    for await (const { id } of source.arrivals()) names.push(id);
  })();
  await clock.idle();
  await settle();
  const before = names.length;
  expect(before).toBeGreaterThan(10);
  expect(before).toBeLessThan(16);
  await appendFile(path, bytes.subarray(part));
  await settle();
  expect(names.length).toBe(before);
  clock.advance(1);
  await reading;
  expect(names).toEqual(ids(20));
});

test('a stream that is cut off gives its frames, and a warning; one without any is an error', async () => {
  const bytes = mcapBytes(drive(1.5));
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const cut = McapSource.open(streamOf(bytes.subarray(0, bytes.length - 2000)), await newRecording(), {
    ...OPTIONS,
    onError,
  });
  expect((await arrived(cut)).length).toBeGreaterThan(8);
  expect(errors).toHaveLength(1);
  expect((errors[0] as Error).message).toMatch(
    /^The stream is cut off after \d+ messages, which are kept\.$/,
  );
  for (const nothing of [new Uint8Array(), Buffer.from('not an MCAP file'), mcapBytes([])]) {
    const source = McapSource.open(streamOf(nothing), await newRecording(), OPTIONS);
    await expect(arrived(source)).rejects.toThrow(UserError);
  }
});

test('a stream that says nothing any more ends when it is closed', async () => {
  const bytes = mcapBytes(drive(1.5));
  const stream = new PassThrough();
  stream.write(bytes.subarray(0, bytes.length - 100));
  const source = McapSource.open(stream, await newRecording(), OPTIONS);
  const reading = arrived(source);
  await settle(300);
  await source.close();
  expect((await reading).length).toBeGreaterThan(8);
  expect(stream.destroyed).toBe(true);
});

test('a file that cannot be read, or becomes shorter, is told in a sentence', async () => {
  const all = async (path: string) => {
    for await (const _ of growingFile(path, new AbortController().signal));
  };
  const path = await temporary('a.mcap');
  await expect(all(path)).rejects.toThrow(/a\.mcap: missing, expected an MCAP file\.$/);
  await expect(all(tmpdir())).rejects.toThrow(/a folder, expected a file, expected an MCAP file\.$/);
  await writeFile(path, new Uint8Array(100));
  const clock = new VirtualClock();
  const bytes = growingFile(path, new AbortController().signal, clock);
  expect((await bytes.next()).value).toHaveLength(100);
  await truncate(path, 50);
  await expect(bytes.next()).rejects.toThrow(/has become shorter while it was read/);
});
