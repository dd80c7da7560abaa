import { type FileHandle, open } from 'node:fs/promises';
import { BadFrameError } from '../errors.js';
import { fileFault } from './input-files.js';

/**
 * Opens a file for as long as `use` takes.
 * @param shown how messages name the file
 * @throws BadFrameError where it cannot be read, or is no file
 */
export async function withFile<T>(
  path: string,
  shown: string,
  use: (file: FileHandle, size: number) => Promise<T>,
): Promise<T> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const status = await file.stat();
    // Reading a pipe would wait for ever.
    if (!status.isFile()) throw new BadFrameError(shown, 'not a file');
    return await use(file, status.size);
  } catch (error) {
    if (error instanceof BadFrameError) throw error;
    throw new BadFrameError(shown, fileFault(error as NodeJS.ErrnoException));
  } finally {
    await file?.close();
  }
}

/** Reads so many bytes. @throws Error where the file ends before */
export async function readRange(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, at + done);
    if (bytesRead === 0) throw new Error('cut short');
    done += bytesRead;
  }
  return bytes;
}
