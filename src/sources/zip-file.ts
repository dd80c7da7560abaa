import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl';
import { crc32 } from '../crc32.js';
import { BadFrameError } from '../errors.js';
import { readRange, withFile } from './byte-ranges.js';

/** Where an entry lies in its archive, and what it should come to. */
export interface ZipEntry {
  /** Of its local header, in bytes from the archive's start. */
  readonly at: number;
  /** Bytes in the archive. */
  readonly packed: number;
  /** Bytes once unpacked. */
  readonly size: number;
  readonly crc: number;
  /** 0 as it is, 8 deflated. */
  readonly method: number;
  readonly encrypted: boolean;
}

/** A zip archive, listed; no file is held open between reads. */
export interface ZipFile {
  /** By name, folders left out. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** Why the list of entries is not whole; undefined where it is. */
  readonly damage: string | undefined;
  /**
   * Unpacks one entry, checked against its length and CRC-32.
   * @param limit the most bytes it may come to; more is not unpacked
   * @throws BadFrameError where there is no such entry, or it is too long, damaged, or packed in another way
   */
  read(name: string, limit: number): Promise<Uint8Array>;
}

/**
 * Lists a zip archive (zip64 too) from the directory at its end.
 * @param path absolute
 * @param shown how messages name the archive
 * @throws BadFrameError where it cannot be read, or has no such directory
 */
export async function openZip(path: string, shown: string): Promise<ZipFile> {
  const entries = new Map<string, ZipEntry>();
  const damage = await withFile(path, shown, async (file, size) => {
    const zip = await fromRandomAccessReaderPromise(new WindowReader(file, size), size, {
      autoClose: false,
      // One entry that lies about its size must not end the list: `read` finds out.
      validateEntrySizes: false,
    }).catch((error: Error) => {
      throw new BadFrameError(shown, `not a zip archive, or one cut short (${error.message})`);
    });
    try {
      for await (const entry of zip.eachEntry()) {
        if (entry.fileName.endsWith('/') || entries.has(entry.fileName)) continue;
        entries.set(entry.fileName, {
          at: entry.relativeOffsetOfLocalHeader,
          packed: entry.compressedSize,
          size: entry.uncompressedSize,
          crc: entry.crc32,
          method: entry.compressionMethod,
          encrypted: entry.isEncrypted(),
        });
      }
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  });
  return {
    entries,
    damage,
    async read(name, limit) {
      const named = `${shown}, ${name}`;
      const entry = entries.get(name);
      if (entry === undefined) {
        const why = damage === undefined ? '' : ` (the archive's directory is damaged: ${damage})`;
        throw new BadFrameError(named, `missing${why}`);
      }
      if (entry.size > limit || entry.packed > limit) {
        const bytes = Math.max(entry.size, entry.packed);
        throw new BadFrameError(named, `${bytes} bytes, expected at most ${limit}`);
      }
      const packed = await withFile(path, named, (file, size) => readPacked(file, size, entry, named));
      return unpack(packed, entry, named);
    },
  };
}

/** Bytes read at once when listing: some hundred entries. */
const WINDOW = 2 ** 16;

/** Lets yauzl look at an entry's few bytes after the other without a system call each. */
class WindowReader extends RandomAccessReader {
  #start = 0;
  #window: Buffer = Buffer.alloc(0);

  constructor(
    private readonly file: FileHandle,
    private readonly size: number,
  ) {
    super();
  }

  override read(
    into: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#hold(position, length).then(() => {
      const from = position - this.#start;
      this.#window.copy(into, offset, from, from + length);
      callback(null);
    }, callback);
  }

  async #hold(position: number, length: number): Promise<void> {
    const end = this.#start + this.#window.length;
    if (position >= this.#start && position + length <= end) return;
    if (position < 0 || position + length > this.size) throw new Error('cut short');
    const ahead = Math.min(Math.max(length, WINDOW), this.size - position);
    this.#window = await readRange(this.file, position, ahead);
    this.#start = position;
  }
}

const LOCAL_HEADER = 0x04034b50;
const LOCAL_HEADER_BYTES = 30;

async function readPacked(
  file: FileHandle,
  size: number,
  entry: ZipEntry,
  named: string,
): Promise<Uint8Array> {
  const beyond = new BadFrameError(named, "its place in the archive is beyond the archive's end");
  if (entry.at + LOCAL_HEADER_BYTES > size) throw beyond;
  const header = await readRange(file, entry.at, LOCAL_HEADER_BYTES);
  if (header.readUInt32LE(0) !== LOCAL_HEADER)
    throw new BadFrameError(named, 'not where the archive says it is');
  // Its name and extra field, which need not be as long as in the directory.
  const start = entry.at + LOCAL_HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (start + entry.packed > size) throw beyond;
  return readRange(file, start, entry.packed);
}

const inflate = promisify(inflateRaw);

async function unpack(packed: Uint8Array, entry: ZipEntry, named: string): Promise<Uint8Array> {
  const { encrypted, method, size } = entry;
  if (encrypted) throw new BadFrameError(named, 'encrypted');
  if (method !== 0 && method !== 8)
    throw new BadFrameError(named, `packed by method ${method}, expected 0 (stored) or 8 (deflated)`);
  const content =
    method === 0
      ? packed
      : await inflate(packed, { maxOutputLength: Math.max(size, 1) }).catch(() => undefined);
  if (content?.length !== size || crc32(content) !== entry.crc) throw new BadFrameError(named, 'damaged');
  return content;
}
