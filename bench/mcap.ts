import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { McapStreamReader } from '@mcap/core';
import { loadDecompressHandlers } from '@mcap/support';
import type { Size } from '../src/frame.js';
import { openRecording } from '../src/sources/open.js';
import { type Figure, SIZE } from './figure.js';
import { writeMcap } from './mcap-files.js';

const WHOLE = { width: 640, height: 480 };

/**
 * Reading an MCAP file of 300 MB of raw images, and as much packed with zstd, beside what the MCAP library takes for the same bytes
 * without making frames of them. Figures are of images' own bytes, unpacked, in seconds of a processor, which others on the machine
 * hardly change. And what 100 000 messages hold.
 */
export async function benchMcap(): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'viewal-bench-'));
  try {
    return [
      ...(await speeds(join(folder, 'raw.mcap'), 'raw', 200, false)),
      ...(await speeds(join(folder, 'packed.mcap'), 'zstd', 200, true)),
      ...(await memory(folder)),
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function speeds(path: string, name: string, frames: number, zstd: boolean): Promise<Figure[]> {
  await writeMcap(path, { ...WHOLE, frames, zstd });
  const megabytes = (frames * WHOLE.width * WHOLE.height * 5) / 1e6;
  const limit = await best(() => decode(path));
  let recording = await openRecording(path);
  const listing = await best(async () => {
    recording = await openRecording(path);
  });
  const readAll = (size: Size) => async () => {
    for (const entry of recording.frames) await recording.read(entry, size);
  };
  const reading = await best(readAll(SIZE));
  const whole = await best(readAll(WHOLE));
  return [
    { name: `mcap, ${name}: the MCAP library alone`, value: megabytes / limit, unit: 'MB/s' },
    {
      name: '  frames at 320×240',
      value: megabytes / reading,
      unit: 'MB/s',
      target: '≥ 150, or the library',
    },
    { name: '  frames as they are', value: megabytes / whole, unit: 'MB/s' },
    { name: `  listing of ${recording.frames.length} frames`, value: listing * 1000, unit: 'ms' },
  ];
}

/** The library's own pass over the messages of a file. */
async function decode(path: string): Promise<void> {
  const reader = new McapStreamReader({ decompressHandlers: await loadDecompressHandlers() });
  for await (const bytes of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    reader.append(bytes);
    while (reader.nextRecord() !== undefined);
  }
}

async function memory(folder: string): Promise<Figure[]> {
  const few = await measured(join(folder, 'few.mcap'), 2500);
  const many = await measured(join(folder, 'many.mcap'), 25_000);
  return [
    { name: 'mcap: index of a frame', value: (many.index - few.index) / 22_500, unit: 'kB' },
    { name: '  held more after reading all frames of 10 000 messages', value: few.grown / 1000, unit: 'MB' },
    { name: '  of 100 000 messages', value: many.grown / 1000, unit: 'MB', target: '≤ 5' },
    { name: '  resident set more by', value: many.rss / 1000, unit: 'MB' },
  ];
}

async function measured(path: string, frames: number) {
  await writeMcap(path, { frames, width: 32, height: 24 });
  const child = fileURLToPath(new URL('./mcap-child.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [child, path]);
  return JSON.parse(stdout) as { readonly index: number; readonly grown: number; readonly rss: number };
}

/** Seconds of processor time, of all threads together; the better of two runs. */
async function best(run: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 2; i++) {
    const start = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(start);
    least = Math.min(least, (user + system) / 1e6);
  }
  return least;
}
