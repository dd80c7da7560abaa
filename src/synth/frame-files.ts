import { access } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { writeFileAtomically } from '../files.js';
import type { View } from './render.js';

/** Stored depth units per metre. */
export const DEPTH_SCALE = 1000;
const PARTS = ['color.jpg', 'depth.png', 'label.png', 'pose.txt'] as const;

export function sceneName(index: number): string {
  return `room-${String(index).padStart(3, '0')}`;
}

export function frameId(index: number): string {
  return String(index).padStart(6, '0');
}

function filesOf(out: string, scene: string, id: string): Record<(typeof PARTS)[number], string> {
  const file = (part: string): string => join(out, scene, `${id}.${part}`);
  return {
    'color.jpg': file('color.jpg'),
    'depth.png': file('depth.png'),
    'label.png': file('label.png'),
    'pose.txt': file('pose.txt'),
  };
}

/** Whether all files of a frame are there; each appears whole or not at all. */
export async function isWritten(out: string, scene: string, id: string): Promise<boolean> {
  const checks = Object.values(filesOf(out, scene, id)).map((file) => access(file));
  return (await Promise.allSettled(checks)).every(({ status }) => status === 'fulfilled');
}

/**
 * Writes a frame in the project's own layout: JPEG colour, 16-bit PNG depth in millimetres, 8-bit PNG labels and
 * the pose, 16 numbers in row-major order with all their digits.
 * @throws UserError where the disk is full or the folder cannot be written
 */
export async function writeFrame(
  out: string,
  scene: string,
  id: string,
  view: View,
  pose: Float64Array,
): Promise<void> {
  const { width, height } = view;
  const millimetres = Uint16Array.from(view.depth, (z) => Math.min(65535, Math.round(z * DEPTH_SCALE)));
  const png = { compressionLevel: 9, adaptiveFiltering: true } as const;
  const [colour, depth, labels] = await Promise.all([
    sharp(view.colour, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 92 })
      .toBuffer(),
    sharp(millimetres, { raw: { width, height, channels: 1 } })
      .toColourspace('grey16')
      .png(png)
      .toBuffer(),
    sharp(view.labels, { raw: { width, height, channels: 1 } })
      .toColourspace('b-w')
      .png(png)
      .toBuffer(),
  ]);
  const rows = [0, 4, 8, 12].map((row) => Array.from(pose.subarray(row, row + 4)).join(' '));
  const files = filesOf(out, scene, id);
  await Promise.all([
    writeFileAtomically(files['color.jpg'], colour),
    writeFileAtomically(files['depth.png'], depth),
    writeFileAtomically(files['label.png'], labels),
    writeFileAtomically(files['pose.txt'], `${rows.join('\n')}\n`),
  ]);
}
