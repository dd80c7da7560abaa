import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Correction } from '../src/sources/correction.js';
import { png16 } from './sources/builders.js';

// Rewrites a recording in our own layout so that a given correction is what sets it right. On its own, and not by
// the reader's way back: poses by transposing, depth by the definition of a ray's length.

/** @param folder a recording of ours, in camera-to-world, OpenCV axes, z in millimetres */
export async function corrupt(folder: string, correction: Correction): Promise<void> {
  const { intrinsics } = JSON.parse(await readFile(join(folder, 'recording.json'), 'utf8'));
  for (const name of await readdir(folder, { recursive: true })) {
    const file = join(folder, name);
    if (name.endsWith('.pose.txt'))
      await writeFile(file, wrongPose(await readFile(file, 'utf8'), correction));
    if (name.endsWith('.depth.png')) await writeFile(file, await wrongDepth(file, intrinsics, correction));
  }
}

function wrongPose(text: string, { poses, axes }: Correction): string {
  const m = text.trim().split(/\s+/).map(Number);
  let rows = [0, 1, 2].map((r) => m.slice(4 * r, 4 * r + 4));
  if (axes === 'opengl') rows = rows.map(([a, b, c, t]) => [a!, -b!, -c!, t!]);
  if (poses === 'world-to-camera') {
    const t = rows.map((row) => row[3]!);
    // Rᵀ, and −Rᵀt.
    rows = [0, 1, 2].map((c) => {
      const column = rows.map((row) => row[c]!);
      return [...column, -column.reduce((sum, value, k) => sum + value * t[k]!, 0)];
    });
  }
  return [...rows, [0, 0, 0, 1]].map((row) => row.join(' ')).join('\n');
}

async function wrongDepth(
  file: string,
  camera: { fx: number; fy: number; cx: number; cy: number },
  { depth, depthFactor }: Correction,
): Promise<Buffer> {
  const { data, info } = await sharp(file).toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer({
    resolveWithObject: true,
  });
  const z = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
  const stored = z.map((millimetres, i) => {
    const x = ((i % info.width) - camera.cx) / camera.fx;
    const y = (Math.floor(i / info.width) - camera.cy) / camera.fy;
    const length = depth === 'ray' ? millimetres * Math.sqrt(x * x + y * y + 1) : millimetres;
    const value = Math.round(length / depthFactor);
    return value > 65535 ? 0 : value;
  });
  return png16(info.width, info.height, stored);
}
