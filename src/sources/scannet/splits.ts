import { join } from 'node:path';
import { BadFrameError, UserError } from '../../errors.js';
import { frameName } from '../../frame.js';
import type { FrameId } from '../file-recording.js';
import { readLines } from '../lines.js';

/** The data set's own list of validation scenes, a name a line. */
export const VALIDATION_SCENES = 'scannetv2_val.txt';

/**
 * Frames of the official split's validation scenes, which choose among networks. Its training scenes are no list of ours: they are
 * the pool that frames are asked for from; its test scenes have no labels.
 * @param folders where the list may lie, the first that has it
 * @returns undefined where there is no list, or it names no scene of the recording
 * @throws UserError where the list cannot be read
 */
export async function validationFrames(
  folders: readonly string[],
  frames: readonly FrameId[],
): Promise<ReadonlySet<string> | undefined> {
  for (const folder of folders) {
    const scenes = await readScenes(folder);
    if (scenes === undefined) continue;
    const named = frames.filter(({ scene }) => scenes.has(scene)).map(frameName);
    return named.length > 0 ? new Set(named) : undefined;
  }
  return undefined;
}

async function readScenes(folder: string): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set((await readLines(folder, VALIDATION_SCENES)).map(({ text }) => text));
  } catch (error) {
    if (!(error instanceof BadFrameError)) throw error;
    if (error.reason === 'missing') return undefined;
    throw new UserError(`${join(folder, VALIDATION_SCENES)}: ${error.reason}.`);
  }
}
