import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Figure, SAMPLE } from './figure.js';

/**
 * Peak memory of whole replays: of many scenes against few, and of a long scene against a short one. Every stage is
 * real; one draw keeps the time down and does not bear on memory.
 */
export async function benchMemory(): Promise<Figure[]> {
  const few = await peak(4, 25);
  const many = await peak(40, 25);
  const short = await peak(1, 100);
  const long = await peak(1, 1000);
  return [
    { name: 'peak memory, 100 frames of 4 scenes', value: few, unit: 'MB' },
    { name: 'peak memory, 1000 frames of 40 scenes', value: many, unit: 'MB' },
    { name: '  ratio', value: many / few, unit: '', target: '≤ 1.1' },
    { name: 'peak memory, one scene of 100 frames', value: short, unit: 'MB' },
    { name: 'peak memory, one scene of 1000 frames', value: long, unit: 'MB' },
    { name: '  more per frame', value: ((long - short) / 900) * 1000, unit: 'kB', target: '≤ 250' },
  ];
}

/** Largest resident set of a replay in a process of its own, MB. */
async function peak(scenes: number, frames: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'viewal-bench-'));
  try {
    const recording = join(folder, 'recording');
    await linkRecording(recording, scenes, frames);
    const child = fileURLToPath(new URL('./replay-child.js', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [child, recording, join(folder, 'run')]);
    return Number(stdout.trim().split('\n').at(-1)) / 1000;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A recording of any length made of links to the sample's frames, in turn. */
export async function linkRecording(folder: string, scenes: number, frames: number): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, 'recording.json'), await readFile(join(SAMPLE, 'recording.json')));
  const rooms = (await readdir(SAMPLE)).filter((name) => name.startsWith('room-')).sort();
  for (let s = 0; s < scenes; s++) {
    const scene = `room-${`${s}`.padStart(3, '0')}`;
    await mkdir(join(folder, scene));
    const room = resolve(SAMPLE, rooms[s % rooms.length]);
    const ids = (await readdir(room))
      .filter((file) => file.endsWith('.pose.txt'))
      .map((file) => file.slice(0, 6));
    for (let i = 0; i < frames; i++)
      for (const ending of ['color.jpg', 'depth.png', 'pose.txt', ...(i === 0 ? ['label.png'] : [])])
        await symlink(
          join(room, `${ids[i % ids.length]}.${ending}`),
          join(folder, scene, `${`${i}`.padStart(6, '0')}.${ending}`),
        );
  }
}
