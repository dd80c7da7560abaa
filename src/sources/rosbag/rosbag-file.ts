import { open } from 'node:fs/promises';
import { basename } from 'node:path';
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

/** Where a message lies: bytes of the file, or of a chunk once it is unpacked. */
export interface BagPlace {
  readonly at: number;
  readonly length: number;
  /** The packed chunk that it is in; undefined where it lies in the file as it is. */
  readonly chunk: PackedChunk | undefined;
}

interface PackedChunk {
  readonly at: number;
  readonly length: number;
  readonly compression: string;
  /** Bytes unpacked. */
  readonly size: number;
}

const MAGIC = '#ROSBAG V2.0\n';
/** The longest header of a record; those that there are have some hundred bytes. */
const LONGEST_HEADER = 2 ** 16;
/** The longest record of a connection, which holds the definition of its messages. */
const LONGEST_DEFINITION = 2 ** 22;
/** What records are, by the field `op` of their headers. */
const OP = { message: 2, chunk: 5, connection: 7 } as const;

/**
 * A bag of ROS 1 (format 2.0) with random access to its messages: http://wiki.ros.org/Bags/Format/2.0. It is walked by the lengths
 * of its records rather than by its index, which lies at its end: a bag whose recorder was killed has none, and gives
 * the frames before the cut all the same.
 */
export class RosbagFile implements MessageFile<BagPlace> {
  readonly topics = new Map<string, string>();
  readonly #name: string;
  readonly #connections = new Map<number, { readonly topic: string; readonly type: string }>();
  readonly #recent = new RecentChunks();

  /** @param path absolute */
  constructor(readonly path: string) {
    this.#name = basename(path);
  }

  async *scan(): AsyncGenerator<FoundMessage<BagPlace> | Damage> {
    const file = await open(this.path, 'r').catch((error: NodeJS.ErrnoException) => {
      throw new UserError(`${this.path}: ${fileFault(error)}.`);
    });
    try {
      const window = new FileWindow(file, (await file.stat()).size);
      const magic = Buffer.from(await window.read(0, MAGIC.length)).toString('latin1');
      if (magic !== MAGIC)
        throw new UserError(
          `${this.path} is no bag of ROS 1: expected it to begin with "${MAGIC.trim()}"` +
            `${magic.startsWith('#ROS') ? `, found "${magic.trim()}"; rosbag fix makes one of an older one` : ''}.`,
        );
      yield* this.#walk(window, MAGIC.length, window.size, undefined);
    } finally {
      await file.close();
    }
  }

  /** @param chunk that `bytes` are unpacked from; undefined = they are the file's */
  async *#walk(
    bytes: ByteRange,
    start: number,
    end: number,
    chunk: PackedChunk | undefined,
  ): AsyncGenerator<FoundMessage<BagPlace> | Damage> {
    for (let at = start, next = start; at < end; at = next) {
      const record = await readRecord(bytes, at, end);
      if (typeof record === 'string') {
        yield { damage: `${record} at byte ${chunk?.at ?? at}` };
        return;
      }
      const { fields, data, length } = record;
      next = data + length;
      try {
        const op = fields.get('op')?.[0];
        if (op === OP.connection) {
          if (length > LONGEST_DEFINITION) throw tooLong('a connection', LONGEST_DEFINITION);
          this.#define(fields, fieldsOf(await bytes.read(data, length)));
        } else if (op === OP.message) {
          yield* this.#message(fields, bytes, { at: data, length, chunk });
        } else if (op === OP.chunk && chunk === undefined) {
          yield* this.#chunk(fields, bytes, data, length);
        }
      } catch (error) {
        if (error instanceof UserError) throw error;
        yield { damage: `${(error as Error).message} at byte ${chunk?.at ?? at}` };
      }
    }
  }

  async *#chunk(
    fields: Fields,
    bytes: ByteRange,
    at: number,
    length: number,
  ): AsyncGenerator<FoundMessage<BagPlace> | Damage> {
    const compression = textOf(fields, 'compression');
    if (compression === 'none') {
      yield* this.#walk(bytes, at, at + length, undefined);
      return;
    }
    const chunk = { at, length, compression, size: numberOf(fields, 'size') };
    if (length > LONGEST) throw tooLong('a chunk', LONGEST);
    const unpacked = await unpack(await bytes.read(at, length), chunk);
    yield* this.#walk(inMemory(unpacked), 0, unpacked.length, chunk);
  }

  async *#message(fields: Fields, bytes: ByteRange, place: BagPlace): AsyncGenerator<FoundMessage<BagPlace>> {
    const connection = this.#connections.get(numberOf(fields, 'conn'));
    if (connection === undefined) throw new Error('a message of no connection');
    const kind = kindOf(connection.type);
    if (kind === undefined) return;
    const head = await bytes.read(place.at, headBytes(kind, place.length));
    const logTime = numberOf(fields, 'time') + numberOf(fields, 'time', 4) / 1e9;
    yield { ...connection, encoding: 'ros1', logTime, bytes: head, place };
  }

  #define(fields: Fields, definition: Fields): void {
    const topic = textOf(fields, 'topic');
    const type = textOf(definition, 'type');
    this.#connections.set(numberOf(fields, 'conn'), { topic, type });
    this.topics.set(topic, type);
  }

  async read({ at, length, chunk }: BagPlace): Promise<Uint8Array> {
    if (chunk === undefined) return readPart(this.path, this.#name, at, length);
    const bytes = await this.#recent.get(chunk.at, () => this.#load(chunk));
    if (at + length > bytes.length)
      throw new BadFrameError(this.#name, `no message in the chunk at byte ${chunk.at}`);
    return bytes.subarray(at, at + length);
  }

  async #load(chunk: PackedChunk): Promise<Uint8Array> {
    const packed = await readPart(this.path, this.#name, chunk.at, chunk.length);
    try {
      return await unpack(packed, chunk);
    } catch (error) {
      throw new BadFrameError(this.#name, `${(error as Error).message} at byte ${chunk.at}`);
    }
  }
}

async function unpack(packed: Uint8Array, { compression, size }: PackedChunk): Promise<Uint8Array> {
  const handlers = await boundedHandlers();
  const handler = compression === 'lz4' || compression === 'bz2' ? handlers[compression] : undefined;
  if (handler === undefined)
    throw new Error(`a chunk packed with "${compression.slice(0, 20)}", expected lz4 or bz2`);
  try {
    return handler(packed, BigInt(size));
  } catch (error) {
    throw new Error(`a damaged chunk (${(error as Error).message})`);
  }
}

/** Fields of a record's header. */
type Fields = ReadonlyMap<string, Uint8Array>;

interface BagRecord {
  readonly fields: Fields;
  /** Where its data begins. */
  readonly data: number;
  readonly length: number;
}

/** A record: its header's length, its header, its data's length, its data. @returns what is wrong where it is none */
async function readRecord(bytes: ByteRange, at: number, end: number): Promise<BagRecord | string> {
  const first = await bytes.read(at, 4);
  if (first.length < 4) return 'cut off';
  const headerLength = u32(first, 0);
  if (headerLength > LONGEST_HEADER) return 'a damaged record';
  const header = await bytes.read(at + 4, headerLength + 4);
  const data = at + 4 + headerLength + 4;
  if (header.length < headerLength + 4 || data > end) return 'cut off';
  const length = u32(header, headerLength);
  if (data + length > end) return 'cut off';
  try {
    return { fields: fieldsOf(header.subarray(0, headerLength)), data, length };
  } catch (error) {
    return (error as Error).message;
  }
}

/** Fields one after the other: a length, and so many bytes of `name=value`. */
function fieldsOf(bytes: Uint8Array): Fields {
  const fields = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw new Error('a damaged record');
    const length = u32(bytes, at);
    const field = bytes.subarray(at + 4, at + 4 + length);
    const equals = field.indexOf(0x3d);
    if (field.length < length || equals < 0) throw new Error('a damaged record');
    fields.set(new TextDecoder().decode(field.subarray(0, equals)), field.subarray(equals + 1));
    at += 4 + length;
  }
  return fields;
}

function textOf(fields: Fields, name: string): string {
  const value = fields.get(name);
  if (value === undefined) throw new Error(`a record without "${name}"`);
  return new TextDecoder().decode(value);
}

function numberOf(fields: Fields, name: string, at = 0): number {
  const value = fields.get(name);
  if (value === undefined || value.length < at + 4) throw new Error(`a record without "${name}"`);
  return u32(value, at);
}

function u32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true);
}
