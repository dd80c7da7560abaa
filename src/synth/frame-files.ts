import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { ownFrameFiles, writeOwnFrame } from '../sources/own-frame-files.js';
import type { View } from './render.js';

export function sceneName(index: number): string {
  return `room-${String(index).padStart(3, '0')}`;
}

export function frameId(index: number): string {
  return String(index).padStart(6, '0');
}

/** Whether all files of a frame are there; each appears whole or not at all. */
export async function isWritten(out: string, scene: string, id: string): Promise<boolean> {
  const checks = ownFrameFiles(id, true).map((file) => access(join(out, scene, file)));
  return (await Promise.allSettled(checks)).every(({ status }) => status === 'fulfilled');
}

/**
 * Writes a frame in the project's own layout.
 * @throws UserError where the disk is full or the folder cannot be written
 */
export async function writeFrame(
  out: string,
  scene: string,
  id: string,
  view: View,
  pose: Float64Array,
): Promise<void> {
  await writeOwnFrame(out, { ...view, scene, id, cameraToWorld: pose }, { quality: 92 });
}
