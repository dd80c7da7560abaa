import { type FileHandle, open } from 'node:fs/promises';
import { BadFrameError, UserError } from '../errors.js';
import { fileFault } from './input-files.js';

/**
 * Opens a file for as long as `use` takes: none stays open between frames, of which a data set has thousands of files.
 * @param blame the file's name in messages: what is wrong with it is a frame's fault; or makes the error of a fault
 * @throws BadFrameError, or what `blame` makes, where it cannot be read, or is no file
 */
export async function withFile<T>(
  path: string,
  blame: string | ((fault: string) => Error),
  use: (file: FileHandle, size: number) => Promise<T>,
): Promise<T> {
  const fail = typeof blame === 'string' ? (fault: string) => new BadFrameError(blame, fault) : blame;
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const status = await file.stat();
    // Reading a pipe would wait for ever.
    if (!status.isFile()) throw fail('not a file');
    return await use(file, status.size);
  } catch (error) {
    if (error instanceof BadFrameError || error instanceof UserError) throw error;
    throw fail(fileFault(error as NodeJS.ErrnoException));
  } finally {
    await file?.close();
  }
}

/** Reads so many bytes. @throws Error where the file ends before */
export async function readRange(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = await readFully(file, at, length);
  if (bytes.length < length) throw new Error('cut short');
  return bytes;
}

/** Reads so many bytes, or as many as there are. */
export async function readFully(file: FileHandle, at: number, length: number): Promise<Buffer> {
  // Not zeroed first, as it is filled or cut off; not of the pool, of which a view would keep all.
  const bytes = Buffer.allocUnsafeSlow(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, at + read);
    if (bytesRead === 0) return bytes.subarray(0, read);
    read += bytesRead;
  }
  return bytes;
}
