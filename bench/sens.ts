import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { inflate } from 'node:zlib';
import sharp from 'sharp';
import { random } from '../src/random.js';
import { openRecording } from '../src/sources/open.js';
import { indexSens } from '../src/sources/scannet/sens-file.js';
import { type Figure, SIZE } from './figure.js';
import { k4, type SensSettings, sensFrame, sensHead, sensHeader, zlibDepth } from './sens-builder.js';

/** ScanNet's own sizes. */
const COLOUR = { width: 1296, height: 968 };
const DEPTH = { width: 640, height: 480 };
const SETTINGS: SensSettings = {
  depthIntrinsics: k4(577.87, 577.87, 319.5, 239.5),
  colourSize: [COLOUR.width, COLOUR.height],
  depthSize: [DEPTH.width, DEPTH.height],
};
const POSE = [1, 0, 0, 1, 0, 1, 0, 2, 0, 0, 1, 3, 0, 0, 0, 1];

const FILE_BYTES = 300e6;
/** Different frames; the file has them over and over. */
const FRAMES = 12;
/** Frames in flight, for the reader and for the decoders alike. */
const IN_FLIGHT = 4;
/** Frames that the reader and its decoders take in turns. */
const TURN = 50;
const MANY = 100_000;

/**
 * Reading a `.sens` file: megabytes of it a second, every frame decoded at the working size, beside what its decoders (sharp and
 * zlib) do with the same bytes from memory; and what listing a file of 100 000 frames costs.
 */
export async function benchSens(): Promise<Figure[]> {
  const path = join(tmpdir(), `viewal-bench-${process.pid}.sens`);
  try {
    const frames = await madeUpFrames();
    const count = await writeSens(path, frames);
    const { listed, read, limit, readCpu, limitCpu } = await reading(path, frames);
    const long = await listing(path);
    return [
      { name: `.sens: ${count} frames listed`, value: listed, unit: 'ms' },
      {
        name: '.sens: read and decoded at 320×240',
        value: read,
        unit: 'MB/s',
        target: `≥ ${limit.toFixed(0)} or 150`,
      },
      { name: '  its decoders alone, from memory', value: limit, unit: 'MB/s' },
      { name: '  CPU time of reading', value: readCpu, unit: 'ms/frame' },
      { name: '  CPU time of its decoders alone', value: limitCpu, unit: 'ms/frame' },
      { name: '.sens: 100 000 frames listed', value: long.seconds, unit: 's' },
      { name: '  index', value: long.index, unit: 'B/frame', target: '≤ 16' },
      { name: '  all that is kept of a frame', value: long.kept, unit: 'B/frame' },
      { name: '  most memory while listing, beyond that', value: long.beyond, unit: 'MB' },
    ];
  } finally {
    await rm(path, { force: true });
  }
}

interface Stored {
  readonly colour: Buffer;
  readonly depth: Buffer;
}

/** Frames whose images take about as many bytes as ScanNet's: soft shapes with a camera's noise. */
async function madeUpFrames(): Promise<Stored[]> {
  const next = random(7);
  const frames: Stored[] = [];
  for (let i = 0; i < FRAMES; i++) {
    const coarse = Uint8Array.from({ length: 40 * 30 * 3 }, () => next() * 256);
    const smooth = await sharp(coarse, { raw: { width: 40, height: 30, channels: 3 } })
      .resize(COLOUR.width, COLOUR.height, { fit: 'fill' })
      .raw()
      .toBuffer();
    for (let at = 0; at < smooth.length; at++) smooth[at] = Math.min(255, smooth[at] + next() * 6);
    const colour = await sharp(smooth, { raw: { ...COLOUR, channels: 3 } })
      .jpeg({ quality: 85 })
      .toBuffer();
    const depth = new Uint16Array(DEPTH.width * DEPTH.height);
    for (let at = 0; at < depth.length; at++) depth[at] = 1500 + ((at / 640) | 0) * 3 + next() * 8;
    frames.push({ colour, depth: zlibDepth(depth) });
  }
  return frames;
}

/** @returns how many frames were written */
async function writeSens(path: string, frames: readonly Stored[]): Promise<number> {
  const bytes = frames.map((frame, i) => sensFrame({ pose: POSE, depthTime: i, ...frame }));
  const count = Math.ceil(FILE_BYTES / (bytes.reduce((sum, one) => sum + one.length, 0) / frames.length));
  const file = await open(path, 'w');
  await file.writeFile(sensHeader(SETTINGS, count));
  for (let i = 0; i < count; i++) await file.writeFile(bytes[i % frames.length]!);
  await file.close();
  return count;
}

/** What a number of frames took. */
interface Spent {
  /** Wall time. */
  seconds: number;
  /** CPU time of all threads. */
  cpu: number;
}

/** Calls `work` for each number of a range, `IN_FLIGHT` at once, and adds what that took. */
async function spend(spent: Spent, from: number, to: number, work: (i: number) => Promise<unknown>) {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  let next = from;
  const lane = async (): Promise<void> => {
    while (next < to) await work(next++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  const { user, system } = process.cpuUsage(cpu);
  spent.seconds += (performance.now() - start) / 1000;
  spent.cpu += (user + system) / 1e6;
}

const inflated = promisify<Buffer, { chunkSize: number }, Buffer>(inflate);

/** What the decoders have to do for a frame, and nothing else. */
function decode({ colour, depth }: Stored): Promise<unknown> {
  return Promise.all([
    sharp(colour, { failOn: 'error' }).removeAlpha().toColourspace('srgb').raw().toBuffer(),
    inflated(depth, { chunkSize: DEPTH.width * DEPTH.height * 2 + 1 }),
  ]);
}

/** The reader and its decoders in turns of some frames each, so that both have the machine as it is. */
async function reading(path: string, frames: readonly Stored[]) {
  const start = performance.now();
  const recording = await openRecording(path);
  const listed = performance.now() - start;
  const count = recording.frames.length;
  const reader = { seconds: 0, cpu: 0 };
  const decoders = { seconds: 0, cpu: 0 };
  const readOne = (i: number) => recording.read(recording.frames[i]!, SIZE);
  const decodeOne = (i: number) => decode(frames[i % FRAMES]!);
  await Promise.all([readOne(0), decodeOne(0)]);
  for (let from = 0; from < count; from += TURN) {
    const to = Math.min(count, from + TURN);
    await spend(decoders, from, to, decodeOne);
    await spend(reader, from, to, readOne);
  }
  const bytes = frames.reduce((sum, { colour, depth }) => sum + colour.length + depth.length, 0) / FRAMES;
  const speed = ({ seconds }: Spent) => (bytes * count) / 1e6 / seconds;
  const perFrame = ({ cpu }: Spent) => (cpu / count) * 1000;
  return {
    listed,
    read: speed(reader),
    limit: speed(decoders),
    readCpu: perFrame(reader),
    limitCpu: perFrame(decoders),
  };
}

/** A file of 100 000 frames of 300 kB, all but their heads holes in it. */
async function listing(path: string) {
  const [colour, depth] = [200_000, 100_000];
  const header = sensHeader(SETTINGS, MANY);
  const step = 96 + colour + depth;
  const file = await open(path, 'w');
  await file.write(header, 0, header.length, 0);
  for (let i = 0; i < MANY; i++) {
    const head = sensHead({ pose: POSE, depthTime: i }, colour, depth);
    await file.write(head, 0, head.length, header.length + i * step);
  }
  await file.truncate(header.length + MANY * step);
  await file.close();

  const index = await indexSens(path);
  const before = used();
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, used(false));
  }, 20);
  const start = performance.now();
  const recording = await openRecording(path);
  const seconds = (performance.now() - start) / 1000;
  clearInterval(watch);
  const kept = used() - before;
  if (recording.frames.length !== MANY) throw new Error(`${recording.frames.length} frames listed`);
  return {
    seconds,
    index: (index.offsets.byteLength + index.sizes.byteLength) / MANY,
    kept: kept / MANY,
    beyond: Math.max(0, most - before - kept) / 1e6,
  };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes in use on the heap and off it. */
function used(collected = true): number {
  if (collected) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
