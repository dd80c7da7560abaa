import { join } from 'node:path';
import sharp, { type JpegOptions } from 'sharp';
import { writeFileAtomically } from '../files.js';
import type { Frame } from '../frame.js';

/** Stored depth units per metre, of frames written in our own layout. */
export const DEPTH_SCALE = 1000;

/** What our own layout keeps of a frame. */
export type OwnFrame = Pick<
  Frame,
  'scene' | 'id' | 'width' | 'height' | 'colour' | 'depth' | 'cameraToWorld' | 'labels'
>;

/** Names of a frame's files in its scene's folder. */
export function ownFrameFiles(id: string, labelled: boolean): string[] {
  const parts = ['color.jpg', 'depth.png', 'pose.txt', ...(labelled ? ['label.png'] : [])];
  return parts.map((part) => `${id}.${part}`);
}

/**
 * Writes a frame in our own layout: JPEG colour, 16-bit PNG depth in millimetres, 8-bit PNG labels where it has any, and
 * the pose, 16 numbers row by row with all their digits. Each file appears whole or not at all. Depth that 16 bits cannot
 * hold, 65.5 m and more, is stored as no measurement.
 * @throws UserError where the disk is full or the folder cannot be written
 */
export async function writeOwnFrame(out: string, frame: OwnFrame, jpeg: JpegOptions): Promise<void> {
  const { scene, id, width, height, cameraToWorld, labels } = frame;
  const grey = { width, height, channels: 1 } as const;
  const png = { compressionLevel: 9, adaptiveFiltering: true } as const;
  const [colour, depth, label] = await Promise.all([
    sharp(frame.colour, { raw: { width, height, channels: 3 } })
      .jpeg(jpeg)
      .toBuffer(),
    sharp(millimetres(frame.depth), { raw: grey }).toColourspace('grey16').png(png).toBuffer(),
    labels && sharp(labels, { raw: grey }).toColourspace('b-w').png(png).toBuffer(),
  ]);
  const rows = [0, 4, 8, 12].map((row) => Array.from(cameraToWorld.subarray(row, row + 4)).join(' '));
  const file = (part: string): string => join(out, scene, `${id}.${part}`);
  await Promise.all([
    writeFileAtomically(file('color.jpg'), colour),
    writeFileAtomically(file('depth.png'), depth),
    writeFileAtomically(file('pose.txt'), `${rows.join('\n')}\n`),
    label && writeFileAtomically(file('label.png'), label),
  ]);
}

/** @param depth metres @returns what is stored; 0 = no measurement */
export function millimetres(depth: Float32Array): Uint16Array {
  return Uint16Array.from(depth, (z) => {
    const stored = Math.round(z * DEPTH_SCALE);
    return stored > 65535 ? 0 : stored;
  });
}
