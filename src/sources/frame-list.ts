import { UserError } from '../errors.js';
import { frameName } from '../frame.js';
import type { FrameId } from './file-recording.js';

/**
 * Frames that a list names: one `scene/frame` a line, or `scene` for all of its frames; # starts a comment.
 *
 * @param file what the list is called, for errors
 * @returns names, `scene/frame`
 * @throws UserError naming the line that is neither
 */
export function parseFrameList(text: string, file: string, frames: readonly FrameId[]): Set<string> {
  const known = new Set(frames.map(frameName));
  const named = new Set<string>();
  for (const [i, line] of text.split('\n').entries()) {
    const name = line.replace(/(^|\s)#.*/, '').trim();
    if (name === '') continue;
    const ofScene = known.has(name) ? [name] : frames.filter(({ scene }) => scene === name).map(frameName);
    if (ofScene.length === 0)
      throw new UserError(
        `${file}, line ${i + 1}: there is no frame or scene ${name}, expected scene/frame or scene of this recording.`,
      );
    for (const frame of ofScene) named.add(frame);
  }
  return named;
}
