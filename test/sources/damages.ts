import { BadFrameError, UserError } from '../../src/errors.js';
import type { Size } from '../../src/frame.js';
import { random } from '../../src/random.js';
import { openRecording } from '../../src/sources/open.js';

/** The content cut at `count` places, and with one byte changed at as many. */
export function* damaged(content: Uint8Array, count = 200): Generator<Uint8Array> {
  const next = random(20);
  for (let i = 0; i < count; i++) {
    yield content.subarray(0, Math.floor(next() * content.length));
    const flipped = Uint8Array.from(content);
    flipped[Math.floor(next() * content.length)]! ^= 1 + Math.floor(next() * 255);
    yield flipped;
  }
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
