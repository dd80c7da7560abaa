import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { BadFrameError } from '../errors.js';
import { fileFault } from './input-files.js';

/** A list of a hundred thousand poses takes 30 MB; a longer one is no list. */
const MAX_BYTES = 2 ** 28;

export interface Line {
  /** Counted from 1. */
  readonly number: number;
  /** Trimmed, never empty. */
  readonly text: string;
}

/**
 * The lines of a text file that say something: neither empty nor a comment (#).
 * @param path the recording
 * @param name the file, relative to it
 * @throws BadFrameError where it cannot be read, or is longer than 256 MiB
 */
export async function readLines(path: string, name: string): Promise<Line[]> {
  const text = await readTextFile(path, name);
  const lines: Line[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed !== '' && !trimmed.startsWith('#')) lines.push({ number: i + 1, text: trimmed });
  }
  return lines;
}

/** @throws BadFrameError where the file cannot be read, or is longer than 256 MiB */
export async function readTextFile(path: string, name: string): Promise<string> {
  try {
    const file = await open(join(path, name), 'r');
    try {
      const status = await file.stat();
      // Reading a pipe would wait for ever.
      if (!status.isFile()) throw new BadFrameError(name, 'not a file');
      const { size } = status;
      if (size > MAX_BYTES) throw new BadFrameError(name, `${size} bytes, expected at most ${MAX_BYTES}`);
      return new TextDecoder().decode(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof BadFrameError) throw error;
    throw new BadFrameError(name, fileFault(error as NodeJS.ErrnoException));
  }
}
