import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BadFrameError } from '../errors.js';
import { fileFault } from './input-files.js';

/** Name, size and modification time (whole milliseconds) of each file. */
export async function stampsOf(path: string, files: readonly string[]): Promise<string> {
  const stamps = await Promise.all(
    files.map(async (file) => {
      const status = await stat(join(path, file)).catch((error: NodeJS.ErrnoException) => {
        throw new BadFrameError(file, fileFault(error));
      });
      // Reading a pipe would wait for ever.
      if (!status.isFile()) throw new BadFrameError(file, 'not a file');
      return `${file}\0${status.size}\0${Math.floor(status.mtimeMs)}\n`;
    }),
  );
  return stamps.join('');
}

/** What a frame entry's fingerprints are: a digest of stamps. */
export function stampDigest(stamps: string): string {
  return createHash('sha256').update(stamps).digest('hex').slice(0, 16);
}
