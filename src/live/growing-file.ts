import { open } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { fileFault } from '../sources/input-files.js';
import { type Clock, systemClock } from './clock.js';

/** Bytes read at a time. */
const PIECE = 2 ** 20;
/** Seconds between looks at a file that has no more bytes. */
const INTERVAL = 0.5;

/**
 * The bytes of a file that is being written, as they come; it has no end of its own. A pipe that has a name ends with its writer.
 * Bytes are read as they are asked for.
 * @param signal ends it
 * @throws UserError where it cannot be read, or has become shorter
 */
export async function* growingFile(
  path: string,
  signal: AbortSignal,
  clock: Clock = systemClock,
): AsyncGenerator<Uint8Array> {
  try {
    const file = await open(path, 'r');
    try {
      const grows = (await file.stat()).isFile();
      for (let at = 0; !signal.aborted; ) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(PIECE), 0, PIECE, grows ? at : null);
        at += bytesRead;
        if (bytesRead > 0) yield buffer.subarray(0, bytesRead);
        else if (!grows) return;
        else if ((await file.stat()).size < at)
          throw new UserError(`${path} has become shorter while it was read: expected one that only grows.`);
        else await clock.sleep(INTERVAL, signal);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof UserError || !('code' in (error as Error))) throw error;
    throw new UserError(`${path}: ${fileFault(error as NodeJS.ErrnoException)}, expected an MCAP file.`);
  }
}
