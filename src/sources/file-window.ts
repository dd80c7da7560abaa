import type { FileHandle } from 'node:fs/promises';
import { readFully } from './byte-ranges.js';

/** Bytes read at a time where fewer are asked for: a walk over small messages reads a file once, one over images skips most of it. */
const WINDOW = 2 ** 14;

/** Bytes that can be looked at anywhere. */
export interface ByteRange {
  readonly size: number;
  /** @returns a view that stays as it is; shorter than asked for where the bytes end */
  read(at: number, length: number): Promise<Uint8Array>;
}

export function inMemory(bytes: Uint8Array): ByteRange {
  return { size: bytes.length, read: async (at, length) => bytes.subarray(at, at + length) };
}

/** A file that is walked through from front to end, here and there jumping ahead. */
export class FileWindow implements ByteRange {
  readonly #file: FileHandle;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array();

  /** @param size of the file: what lies beyond is not asked for */
  constructor(
    file: FileHandle,
    readonly size: number,
  ) {
    this.#file = file;
  }

  async read(at: number, length: number): Promise<Uint8Array> {
    const end = Math.min(at + length, this.size);
    if (at < this.#start || end > this.#start + this.#bytes.length) {
      const wanted = Math.max(0, Math.min(Math.max(length, WINDOW), this.size - at));
      this.#bytes = await readFully(this.#file, at, wanted);
      this.#start = at;
    }
    return this.#bytes.subarray(at - this.#start, Math.max(at, end) - this.#start);
  }
}
