import { BadFrameError, UserError } from '../../src/errors.js';
import type { Size } from '../../src/frame.js';
import { random } from '../../src/random.js';
import { openRecording } from '../../src/sources/open.js';

/** How often a file is cut, and how often a byte of it is flipped. */
export const DAMAGES = 200;

/**
 * The content cut somewhere, and the content with one byte changed.
 * @param flippable the bytes that change, from and to (exclusive)
 */
export function* damaged(content: Uint8Array, [from, to] = [0, content.length]): Generator<Uint8Array> {
  const next = random(20);
  for (let i = 0; i < DAMAGES; i++) {
    yield content.subarray(0, Math.floor(next() * content.length));
    const flipped = Uint8Array.from(content);
    flipped[from + Math.floor(next() * (to - from))]! ^= 1 + Math.floor(next() * 255);
    yield flipped;
  }
}

/** What came of reading a recording: how many frames could be read, and why the others, or all of it, could not. */
export interface Outcome {
  readonly read: number;
  readonly reports: readonly string[];
}

/** Reads every frame. @throws whatever is neither a frame nor a report */
export async function readWhatThereIs(path: string): Promise<Outcome> {
  let read = 0;
  const reports: string[] = [];
  const reported = (error: unknown): void => {
    if (!(error instanceof BadFrameError || error instanceof UserError)) throw error;
    reports.push(error.message);
  };
  try {
    const recording = await openRecording(path);
    for (const { file, reason } of recording.bad) reports.push(`${file}: ${reason}`);
    for (const entry of recording.frames) {
      try {
        await recording.read(entry, { width: 8, height: 6 });
        read++;
      } catch (error) {
        reported(error);
      }
    }
  } catch (error) {
    reported(error);
  }
  return { read, reports };
}

/** Whatever else is thrown than a report is a fault of ours. */
export async function survives(attempt: () => Promise<unknown>): Promise<'read' | 'reported'> {
  try {
    await attempt();
    return 'read';
  } catch (error) {
    if (error instanceof BadFrameError || error instanceof UserError) return 'reported';
    throw error;
  }
}

/** Reads all frames; throws the last fault of the listing or of a frame. */
export async function readWhole(path: string, size: Size): Promise<void> {
  const recording = await openRecording(path);
  let fault: unknown = recording.bad[0] && new BadFrameError(recording.bad[0].file, recording.bad[0].reason);
  for (const entry of recording.frames) {
    await recording.read(entry, size).catch((error: unknown) => {
      if (!(error instanceof BadFrameError)) throw error;
      fault = error;
    });
  }
  if (fault !== undefined) throw fault;
}
