import { McapStreamReader, type McapTypes } from '@mcap/core';
import { UserError } from '../../errors.js';
import { boundedHandlers, LONGEST } from '../ros/decompress.js';
import {
  decoderOf,
  kindOf,
  type RosCompressedImage,
  type RosImage,
  type RosMessage,
} from '../ros/messages.js';

/** Bytes handed to the reader at a time. */
const PIECE = 2 ** 20;

/**
 * The messages of an MCAP file or stream of which frames are made, in the order in which they were recorded, read once from
 * front to end: its index is not needed, so that it may come by a pipe or lack its end. Holds one record at a time.
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
   * To be called once. Bytes are asked for as messages are, and none after the file's end mark.
   * @throws UserError where it is no MCAP file, or is damaged or cut off, after the messages before
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<RosMessage<RosImage | RosCompressedImage>> {
    const reader = new McapStreamReader({ decompressHandlers: await boundedHandlers() });
    const types = new Map<number, string>();
    const channels = new Map<number, McapChannel>();
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
        throw damaged(plain(error));
      }
    };
    for await (const bytes of this.#bytes) {
      for (let start = 0; start < bytes.length; start += PIECE) {
        if (reader.done()) throw damaged('bytes after its end');
        reader.append(bytes.subarray(start, start + PIECE));
        for (let record = next(); record !== undefined; record = next()) {
          begun = true;
          if (record.type === 'Schema') types.set(record.id, record.name);
          else if (record.type === 'Channel') {
            const { topic, messageEncoding, schemaId } = record;
            const type = types.get(schemaId) ?? '';
            channels.set(record.id, { topic, type, encoding: messageEncoding });
            this.#topics.set(topic, type);
          } else if (record.type === 'Message') {
            count++;
            const message = this.#message(channels.get(record.channelId)!, record);
            if (message !== undefined) yield message;
          }
        }
        if (reader.bytesRemaining() > LONGEST) {
          throw damaged(`a record of more than ${LONGEST / 2 ** 20} MB`);
        }
      }
      if (reader.done()) return;
    }
    throw new UserError(
      begun
        ? `${this.#name} is cut off after ${count} messages, which are kept.`
        : `${this.#name} is no MCAP file: it is empty.`,
    );
  }

  #message(
    { topic, type, encoding }: McapChannel,
    { data, logTime }: McapTypes.Message,
  ): RosMessage<RosImage | RosCompressedImage> | undefined {
    const kind = kindOf(type);
    if (kind === undefined) return undefined;
    const recorded = { topic, type, logTime: Number(logTime) / 1e9, size: data.length };
    const decoder = () => decoderOf(encoding, topic, this.#name);
    if (kind === 'transforms') return { ...recorded, kind, read: () => decoder().transforms(data) };
    if (kind === 'camera') return { ...recorded, kind, read: () => decoder().camera(data) };
    return {
      ...recorded,
      kind,
      read() {
        const image = decoder().image(data, kind);
        return { header: image.header, image };
      },
    };
  }
}

/** A topic as one publisher writes it. */
export interface McapChannel {
  readonly topic: string;
  readonly type: string;
  readonly encoding: string;
}

/** What the MCAP library says of damage, to be put into a sentence. */
export function plain(error: unknown): string {
  return (error as Error).message.split('\n')[0]!.replace(/\.$/, '');
}
