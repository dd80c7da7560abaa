import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { RunOptions } from '../src/stages/options.js';

export const SAMPLE = resolve('data/sample');

/** Options that make a whole run small: seconds, not minutes, and every stage real. */
export const QUICK: Partial<RunOptions> = {
  size: '80x60',
  steps: 3,
  draws: 2,
  budget: '6superpixels',
  superpixelCount: 12,
};

/** A folder of its own under the system's temporary one. */
export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'viewal-'));
}

/** A recording of the first frames of the sample's first scenes; the first frame of each scene is labelled. */
export async function smallRecording(scenes = 2, frames = 4): Promise<string> {
  const folder = join(await temporaryFolder(), 'recording');
  await mkdir(folder);
  const { generator: _, ...manifest } = JSON.parse(await readFile(join(SAMPLE, 'recording.json'), 'utf8'));
  await writeFile(join(folder, 'recording.json'), JSON.stringify(manifest));
  const names = (await readdir(SAMPLE))
    .filter((name) => name.startsWith('room-'))
    .sort()
    .slice(0, scenes);
  for (const name of names) {
    await mkdir(join(folder, name));
    for (const file of await readdir(join(SAMPLE, name)))
      if (Number(file.slice(0, 6)) < frames) await cp(join(SAMPLE, name, file), join(folder, name, file));
  }
  await writeFile(join(folder, 'labelled.txt'), names.map((name) => `${name}/000000\n`).join(''));
  return folder;
}

/** Digest and modification time of every file under a folder, by path; `only` says which top folders count. */
export async function contentsOf(
  folder: string,
  only?: readonly string[],
): Promise<Map<string, { hash: string; mtime: number }>> {
  const found = new Map<string, { hash: string; mtime: number }>();
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    if (only !== undefined && !only.includes(name.split('/')[0])) continue;
    const path = join(folder, name);
    const status = await stat(path);
    if (!status.isFile()) continue;
    found.set(name, {
      hash: createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
      mtime: status.mtimeMs,
    });
  }
  return found;
}

/** The digests alone. */
export async function digestsOf(folder: string, only?: readonly string[]): Promise<Record<string, string>> {
  return Object.fromEntries([...(await contentsOf(folder, only))].map(([name, { hash }]) => [name, hash]));
}
