import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { parse } from '@foxglove/rosmsg';
import { MessageReader } from '@foxglove/rosmsg2-serialization';
import { McapStreamReader, type McapTypes } from '@mcap/core';
import { loadDecompressHandlers } from '@mcap/support';
import { UserError } from '../../errors.js';
import { fileFault } from '../../sources/input-files.js';

/** Bytes handed to the reader at a time. */
const PIECE = 2 ** 20;
/**
 * The longest record, and the longest chunk unpacked, that is taken in. Recorders write chunks of a few megabytes; a
 * damaged length must not make us read all that follows into memory.
 */
const LONGEST = 2 ** 27;

export interface McapMessage {
  readonly topic: string;
  /** Such as `sensor_msgs/msg/Image`. */
  readonly type: string;
  /** When it was recorded, in seconds. */
  readonly logTime: number;
  /** As recorded. */
  readonly bytes: Uint8Array;
  /**
   * Its fields; byte arrays are views of `bytes`.
   * @throws Error where the bytes do not fit the type
   */
  decode(): unknown;
}

/** The bytes of an MCAP file. @throws UserError where it cannot be read */
export async function openMcapFile(path: string): Promise<AsyncIterable<Uint8Array>> {
  const status = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`${path}: ${fileFault(error)}, expected an MCAP file.`);
  });
  if (status.isDirectory()) throw new UserError(`${path} is a folder: expected an MCAP file.`);
  return piecesOf(path);
}

async function* piecesOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: PIECE });
  } catch (error) {
    throw new UserError(`${path}: ${fileFault(error as NodeJS.ErrnoException)}.`);
  }
}

/**
 * The messages of an MCAP file or stream, in the order in which they were recorded, read once from front to end: its index is not
 * needed, so that it may come by a pipe or lack its end. Holds one record at a time.
 */
export class McapMessages {
  readonly #bytes: AsyncIterable<Uint8Array>;
  readonly #name: string;
  readonly #topics = new Map<string, string>();

  /** @param name what messages call it */
  constructor(bytes: AsyncIterable<Uint8Array>, name: string) {
    this.#bytes = bytes;
    this.#name = name;
  }

  /** Topics and their types, as far as they have been met. */
  get topics(): ReadonlyMap<string, string> {
    return this.#topics;
  }

  /**
   * To be called once. Bytes are asked for as messages are.
   * @throws UserError where it is no MCAP file, or is damaged or cut off, after the messages before
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<McapMessage> {
    const reader = new McapStreamReader({ decompressHandlers: await boundedHandlers() });
    const schemas = new Map<number, McapTypes.TypedMcapRecords['Schema']>();
    const channels = new Map<number, Channel>();
    let begun = false;
    let count = 0;
    const damaged = (reason: string) =>
      new UserError(
        begun
          ? `${this.#name} is damaged after ${count} messages, which are kept: ${reason}.`
          : `${this.#name} is no MCAP file: ${reason}.`,
      );
    const next = () => {
      try {
        return reader.nextRecord();
      } catch (error) {
        throw damaged((error as Error).message.split('\n')[0]!.replace(/\.$/, ''));
      }
    };
    for await (const bytes of this.#bytes) {
      for (let start = 0; start < bytes.length; start += PIECE) {
        if (reader.done()) throw damaged('bytes after its end');
        reader.append(bytes.subarray(start, start + PIECE));
        for (let record = next(); record !== undefined; record = next()) {
          begun = true;
          if (record.type === 'Schema') schemas.set(record.id, record);
          else if (record.type === 'Channel') {
            const channel = new Channel(record, schemas.get(record.schemaId), this.#name);
            channels.set(record.id, channel);
            this.#topics.set(channel.topic, channel.type);
          } else if (record.type === 'Message') {
            count++;
            yield channels.get(record.channelId)!.message(record);
          }
        }
        if (reader.bytesRemaining() > LONGEST) {
          throw damaged(`a record of more than ${LONGEST / 2 ** 20} MB`);
        }
      }
    }
    if (!reader.done()) {
      throw new UserError(
        begun
          ? `${this.#name} is cut off after ${count} messages, which are kept.`
          : `${this.#name} is no MCAP file: it is empty.`,
      );
    }
  }
}

/** A topic as one publisher writes it. */
class Channel {
  readonly topic: string;
  readonly type: string;
  readonly #encoding: string;
  readonly #schema: McapTypes.TypedMcapRecords['Schema'] | undefined;
  readonly #name: string;
  #reader: MessageReader | undefined;

  constructor(
    record: McapTypes.TypedMcapRecords['Channel'],
    schema: McapTypes.TypedMcapRecords['Schema'] | undefined,
    name: string,
  ) {
    this.topic = record.topic;
    this.type = schema?.name ?? '';
    this.#encoding = record.messageEncoding;
    this.#schema = schema;
    this.#name = name;
  }

  message({ data: bytes, logTime }: McapTypes.Message): McapMessage {
    const { topic, type } = this;
    return {
      topic,
      type,
      logTime: Number(logTime) / 1e9,
      bytes,
      decode: () => this.#readerOf().readMessage(bytes),
    };
  }

  #readerOf(): MessageReader {
    if (this.#reader !== undefined) return this.#reader;
    const schema = this.#schema;
    if (this.#encoding !== 'cdr' || schema?.encoding !== 'ros2msg') {
      throw new UserError(
        `${this.#name}: ${this.topic} is encoded as ${this.#encoding} with a ${schema?.encoding || 'missing'} ` +
          'schema, expected ROS 2 messages: cdr with a ros2msg schema.',
      );
    }
    try {
      this.#reader = new MessageReader(parse(new TextDecoder().decode(schema.data), { ros2: true }));
    } catch (error) {
      const reason = (error as Error).message.split('\n')[0];
      throw new UserError(`${this.#name}: the definition of ${this.type} cannot be read (${reason}).`);
    }
    return this.#reader;
  }
}

/** The usual decompressors, each refusing to unpack more than we can hold. */
async function boundedHandlers(): Promise<McapTypes.DecompressHandlers> {
  const handlers = await loadDecompressHandlers();
  return Object.fromEntries(
    Object.entries(handlers).map(([name, unpack]) => [
      name,
      (bytes: Uint8Array, size: bigint) => {
        if (size > LONGEST) throw new Error(`a chunk of more than ${LONGEST / 2 ** 20} MB`);
        return unpack(bytes, size);
      },
    ]),
  );
}
