import { BadFrameError } from '../../errors.js';
import { readFully, withFile } from '../byte-ranges.js';
import { LONGEST, tooLong } from './decompress.js';
import type { MessageKind } from './messages.js';

/** A message of a file that frames are made of. @template P where it lies */
export interface FoundMessage<P> {
  readonly topic: string;
  readonly type: string;
  /** `cdr` or `ros1`, or what else the file says. */
  readonly encoding: string;
  /** When it was recorded, in seconds. */
  readonly logTime: number;
  /** The message; of an image its first bytes (see `headBytes`). */
  readonly bytes: Uint8Array;
  readonly place: P;
}

/** A part of a file that cannot be read. */
export interface Damage {
  /** Such as `cut off after 12 messages`. */
  readonly damage: string;
}

/** A file of messages that can be read again at any place. */
export interface MessageFile<P> {
  /** Absolute. */
  readonly path: string;
  /** Types by topic, as far as they have been met. */
  readonly topics: ReadonlyMap<string, string>;
  /**
   * Walks through the file, over what is not needed. Holds a chunk at most.
   * @throws UserError where it is no such file, or cannot be read
   */
  scan(): AsyncGenerator<FoundMessage<P> | Damage>;
  /**
   * Reads the bytes of a message.
   * @throws BadFrameError where they are not there, or not as they were written
   */
  read(place: P): Promise<Uint8Array>;
}

/** Bytes that hold an image message's header, and a frame name of any sane length. */
const IMAGE_HEAD = 512;
/** The longest message of transforms or camera information. */
const LONGEST_TOLD = 2 ** 20;

/**
 * How many bytes of a message are looked at when it is listed.
 * @param size of the message, bytes
 * @throws Error where it is longer than any
 */
export function headBytes(kind: MessageKind, size: number): number {
  const isImage = kind === 'image' || kind === 'compressed';
  const most = isImage ? LONGEST : LONGEST_TOLD;
  if (size > most) throw tooLong('a message', most);
  return isImage ? Math.min(size, IMAGE_HEAD) : size;
}

/**
 * Reads bytes of a file that was listed before.
 * @throws BadFrameError where it has become shorter, or cannot be read
 */
export async function readPart(path: string, file: string, at: number, length: number): Promise<Uint8Array> {
  const bytes = await withFile(path, file, (handle) => readFully(handle, at, length));
  if (bytes.length < length) throw new BadFrameError(file, 'has become shorter since it was listed');
  return bytes;
}

/** Chunks that were unpacked of late, by where they lie: frames that follow each other share them. */
export class RecentChunks {
  readonly #chunks = new Map<number, Promise<Uint8Array>>();
  readonly #sizes = new Map<number, number>();
  #size = 0;

  /** @param most bytes that are kept, the newest chunk not counted */
  constructor(readonly most = 2 ** 25) {}

  /** @param load is called once, however many ask at a time */
  get(at: number, load: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const known = this.#chunks.get(at);
    if (known !== undefined) {
      this.#chunks.delete(at);
      this.#chunks.set(at, known);
      return known;
    }
    const loading = load();
    this.#chunks.set(at, loading);
    loading.then(
      ({ length }) => {
        this.#sizes.set(at, length);
        this.#size += length;
        this.#evict(at);
      },
      () => this.#chunks.delete(at),
    );
    return loading;
  }

  #evict(newest: number): void {
    for (const at of this.#chunks.keys()) {
      if (this.#size - this.#sizes.get(newest)! <= this.most) return;
      const size = this.#sizes.get(at);
      if (at === newest || size === undefined) continue;
      this.#chunks.delete(at);
      this.#sizes.delete(at);
      this.#size -= size;
    }
  }
}
