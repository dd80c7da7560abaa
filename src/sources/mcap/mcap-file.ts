import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { hasMcapPrefix, McapStreamReader, Opcode } from '@mcap/core';
import { crc32 } from '../../crc32.js';
import { BadFrameError, UserError } from '../../errors.js';
import { type ByteRange, FileWindow, inMemory } from '../file-window.js';
import { fileFault } from '../input-files.js';
import { boundedHandlers, LONGEST, tooLong } from '../ros/decompress.js';
import {
  type Damage,
  type FoundMessage,
  headBytes,
  type MessageFile,
  RecentChunks,
  readPart,
} from '../ros/message-file.js';
import { kindOf } from '../ros/messages.js';
import { type McapChannel, plain } from './mcap-messages.js';

/** Where a message's data lies: bytes of the file, or of a chunk once it is unpacked. */
export interface McapPlace {
  readonly at: number;
  readonly length: number;
  /** The chunk that it is in, where that has to be unpacked or checked. */
  readonly chunk: ChunkPlace | undefined;
}

/** A chunk's record. */
interface ChunkPlace {
  readonly at: number;
  readonly length: number;
}

interface Chunk {
  readonly compression: string;
  /** Bytes unpacked. */
  readonly size: number;
  /** Of what is unpacked; 0 = none. */
  readonly checksum: number;
  /** Where its records begin, from the beginning of its own record, packed or not. */
  readonly start: number;
  readonly length: number;
}

const MAGIC = 8;
/** Bytes of a record before its content: a byte that says what it is, and its length. */
const RECORD = 9;
/** Bytes of a message before its data: channel, sequence, and two times. */
const MESSAGE = 22;
/** Bytes of a chunk before the name of its compression: two times, its size unpacked, a checksum, and the name's length. */
const CHUNK = 32;
const LONGEST_NAME = 32;
/** Bytes of a footer: where the summary begins, where its offsets do, and a checksum. */
const FOOTER = 20;
/** The longest record of a schema or a channel. */
const LONGEST_DEFINITION = 2 ** 22;

/**
 * An MCAP file with random access to its messages (https://mcap.dev/spec). It is walked by the lengths of its records rather than by
 * its index: an index is not there where the file was cut off, knows nothing of messages outside chunks (as
 * `ros2 bag record --storage-preset-profile fastwrite` writes them), and spares little, as the time stamp of each image has to be read
 * anyway. Of the summary it takes the topics.
 *
 * The checksum of a chunk is checked when it is unpacked or a frame of it is read.
 */
export class McapFile implements MessageFile<McapPlace> {
  readonly topics = new Map<string, string>();
  readonly #name: string;
  readonly #types = new Map<number, string>();
  readonly #channels = new Map<number, McapChannel>();
  readonly #recent = new RecentChunks();

  /** @param path absolute */
  constructor(readonly path: string) {
    this.#name = basename(path);
  }

  async *scan(): AsyncGenerator<FoundMessage<McapPlace> | Damage> {
    const file = await open(this.path, 'r').catch((error: NodeJS.ErrnoException) => {
      throw new UserError(`${this.path}: ${fileFault(error)}.`);
    });
    try {
      const window = new FileWindow(file, (await file.stat()).size);
      if (!hasMcapPrefix(viewOf(await window.read(0, MAGIC))))
        throw new UserError(`${this.path} is no MCAP file: it does not begin as one.`);
      await this.#learnSummary(window);
      yield* this.#walk(window, MAGIC, window.size, undefined);
    } finally {
      await file.close();
    }
  }

  async read({ at, length, chunk }: McapPlace): Promise<Uint8Array> {
    if (chunk === undefined) return readPart(this.path, this.#name, at, length);
    const records = await this.#recent.get(chunk.at, async () => {
      if (chunk.length > LONGEST) throw new BadFrameError(this.#name, `a chunk of ${chunk.length} bytes`);
      const record = await readPart(this.path, this.#name, chunk.at, chunk.length);
      try {
        return await unpack(record, chunkOf(record));
      } catch (error) {
        throw new BadFrameError(this.#name, `${plain(error)} at byte ${chunk.at}`);
      }
    });
    if (at + length > records.length)
      throw new BadFrameError(this.#name, `no message in the chunk at byte ${chunk.at}`);
    return records.subarray(at, at + length);
  }

  /** Learns of topics from the summary at the end, if there is one: the chunk that tells of them may be damaged. */
  async #learnSummary(window: FileWindow): Promise<void> {
    const end = window.size - MAGIC - RECORD - FOOTER;
    const footer = await window.read(Math.max(0, end), RECORD + FOOTER);
    if (footer[0] !== Opcode.FOOTER || lengthOf(footer) !== FOOTER) return;
    const start = Number(viewOf(footer).getBigUint64(RECORD, true));
    // What is wrong with it costs nothing but what it would have told.
    if (start > 0) for await (const _ of this.#walk(window, start, end, undefined));
  }

  /**
   * @param chunk that the records are in; undefined = they are the file's
   * @param base of `bytes` in what places count from
   */
  async *#walk(
    bytes: ByteRange,
    start: number,
    end: number,
    chunk: ChunkPlace | undefined,
    base = 0,
  ): AsyncGenerator<FoundMessage<McapPlace> | Damage> {
    for (let at = start, next = start; at < end; at = next) {
      const head = await bytes.read(at, RECORD);
      const length = head.length === RECORD ? lengthOf(head) : Number.POSITIVE_INFINITY;
      const content = at + RECORD;
      next = content + length;
      if (!(next <= end)) {
        yield {
          damage: chunk === undefined ? `cut off at byte ${at}` : `a damaged chunk at byte ${chunk.at}`,
        };
        return;
      }
      const opcode = head[0];
      // What follows is the summary of what was there.
      if (opcode === Opcode.DATA_END || opcode === Opcode.FOOTER) return;
      try {
        if (opcode === Opcode.SCHEMA || opcode === Opcode.CHANNEL) {
          if (length > LONGEST_DEFINITION) throw tooLong('a schema or channel', LONGEST_DEFINITION);
          this.#learn(await bytes.read(at, RECORD + length));
        } else if (opcode === Opcode.MESSAGE) {
          const found = await this.#message(bytes, content, length, chunk, base);
          if (found !== undefined) yield found;
        } else if (opcode === Opcode.CHUNK && chunk === undefined) {
          yield* this.#chunk(bytes, { at, length: RECORD + length });
        }
      } catch (error) {
        if (error instanceof UserError) throw error;
        yield { damage: `${plain(error)} at byte ${chunk?.at ?? at}` };
      }
    }
    if (chunk === undefined && start === MAGIC) yield { damage: `cut off at byte ${end}` };
  }

  async *#chunk(bytes: ByteRange, place: ChunkPlace): AsyncGenerator<FoundMessage<McapPlace> | Damage> {
    const head = await bytes.read(place.at, Math.min(place.length, RECORD + CHUNK + LONGEST_NAME + 8));
    const chunk = chunkOf(head, place.length);
    if (chunk.compression === '') {
      const start = place.at + chunk.start;
      // Seen through where it lies, so that images are skipped.
      yield* this.#walk(bytes, start, start + chunk.length, place, chunk.checksum === 0 ? 0 : start);
      return;
    }
    if (place.length > LONGEST) throw tooLong('a chunk', LONGEST);
    const records = await unpack(await bytes.read(place.at, place.length), chunk);
    yield* this.#walk(inMemory(records), 0, records.length, place);
  }

  async #message(
    bytes: ByteRange,
    content: number,
    length: number,
    chunk: ChunkPlace | undefined,
    base: number,
  ): Promise<FoundMessage<McapPlace> | undefined> {
    if (length < MESSAGE) throw new Error('a damaged message');
    const head = viewOf(await bytes.read(content, MESSAGE));
    const channel = this.#channels.get(head.getUint16(0, true));
    if (channel === undefined) throw new Error('a message of no channel');
    const kind = kindOf(channel.type);
    if (kind === undefined) return undefined;
    const at = content + MESSAGE;
    const size = length - MESSAGE;
    // Without a checksum there is no need to read all of a chunk that is not packed.
    const isDirect = chunk === undefined || (base === 0 && bytes instanceof FileWindow);
    return {
      ...channel,
      logTime: Number(head.getBigUint64(6, true)) / 1e9,
      bytes: await bytes.read(at, headBytes(kind, size)),
      place: { at: at - base, length: size, chunk: isDirect ? undefined : chunk },
    };
  }

  /** @param bytes the record of a schema or channel */
  #learn(bytes: Uint8Array): void {
    const reader = new McapStreamReader({ noMagicPrefix: true });
    reader.append(bytes);
    const record = reader.nextRecord();
    if (record?.type === 'Schema') this.#types.set(record.id, record.name);
    if (record?.type !== 'Channel') return;
    const { id, topic, messageEncoding, schemaId } = record;
    const type = this.#types.get(schemaId) ?? '';
    this.#channels.set(id, { topic, type, encoding: messageEncoding });
    this.topics.set(topic, type);
  }
}

/**
 * @param record a chunk's, or the first bytes of it
 * @param whole bytes of the record
 */
function chunkOf(record: Uint8Array, whole = record.length): Chunk {
  const view = viewOf(record);
  const name = RECORD + CHUNK;
  const nameLength = record.length >= name + 8 ? view.getUint32(name - 4, true) : Number.POSITIVE_INFINITY;
  const start = name + nameLength + 8;
  if (!(start <= record.length)) throw new Error('a damaged chunk');
  const length = Number(view.getBigUint64(start - 8, true));
  if (start + length > whole) throw new Error('a damaged chunk');
  return {
    compression: new TextDecoder().decode(record.subarray(name, name + nameLength)),
    size: Number(view.getBigUint64(RECORD + 16, true)),
    checksum: view.getUint32(RECORD + 24, true),
    start,
    length,
  };
}

/** The records of a chunk. @throws Error where they cannot be unpacked, or are not what they were */
async function unpack(record: Uint8Array, chunk: Chunk): Promise<Uint8Array> {
  const { compression, size, checksum, start, length } = chunk;
  const packed = record.subarray(start, start + length);
  let records = packed;
  if (compression !== '') {
    const handler = (await boundedHandlers())[compression];
    if (handler === undefined) throw new Error(`a chunk packed with "${compression}", expected lz4 or zstd`);
    if (size > LONGEST) throw tooLong('a chunk', LONGEST);
    try {
      records = handler(packed, BigInt(size));
    } catch (error) {
      throw new Error(`a damaged chunk (${plain(error)})`);
    }
  }
  if (checksum !== 0 && crc32(records) !== checksum) throw new Error('a chunk whose checksum is wrong');
  return records;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A record's length; infinite where no file is as long. */
function lengthOf(head: Uint8Array): number {
  const length = Number(viewOf(head).getBigUint64(1, true));
  return Number.isSafeInteger(length) ? length : Number.POSITIVE_INFINITY;
}
