import { lz4 } from './mcap-files.js';
import type { Recorded } from './ros-messages.js';

// Bags of ROS 1 from bytes up (http://wiki.ros.org/Bags/Format/2.0).

function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value, 4 * i);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

type Fields = Readonly<Record<string, Uint8Array | string>>;

function fields(values: Fields): Buffer {
  return Buffer.concat(
    Object.entries(values).flatMap(([name, value]) => {
      const field = Buffer.concat([Buffer.from(`${name}=`), Buffer.from(value)]);
      return [u32(field.length), field];
    }),
  );
}

function record(header: Fields, data: Uint8Array): Buffer {
  const bytes = fields(header);
  return Buffer.concat([u32(bytes.length), bytes, u32(data.length), data]);
}

const op = (code: number) => ({ op: Uint8Array.of(code) });
const time = (seconds: number) => {
  const whole = Math.floor(seconds);
  return u32(whole, Math.round((seconds - whole) * 1e9));
};

export interface BagKind {
  /** What chunks are packed with. */
  readonly pack?: 'lz4' | 'bz2';
  /** Instead of the usual. */
  readonly packed?: (chunk: Uint8Array) => Uint8Array;
  readonly perChunk?: number;
  /** What a chunk says it is unpacked, less what it is. */
  readonly lie?: number;
}

/** A bag with its index at its end, messages in the order given. */
export function bag(messages: readonly Recorded[], kind: BagKind = {}): Buffer {
  const { pack, packed = lz4, perChunk = 5, lie = 0 } = kind;
  const ids = new Map<string, number>();
  const connections: Buffer[] = [];
  const infos: Buffer[] = [];
  const header = (index: number) => {
    const counts = { conn_count: u32(connections.length), chunk_count: u32(infos.length) };
    const bytes = fields({ ...op(3), index_pos: u64(index), ...counts });
    // Padded with spaces to 4096, as its numbers are written last.
    const padding = Buffer.alloc(4096 - 8 - bytes.length, ' ');
    return Buffer.concat([
      Buffer.from('#ROSBAG V2.0\n'),
      u32(bytes.length),
      bytes,
      u32(padding.length),
      padding,
    ]);
  };
  let position = header(0).length;
  const parts: Buffer[] = [];
  for (let start = 0; start < messages.length; start += perChunk) {
    const some = messages.slice(start, start + perChunk);
    const records: Buffer[] = [];
    const index = new Map<number, Buffer[]>();
    let at = 0;
    const put = (bytes: Buffer) => {
      records.push(bytes);
      at += bytes.length;
    };
    for (const { topic, type, time: seconds, bytes } of some) {
      if (!ids.has(topic)) {
        const id = ids.size;
        ids.set(topic, id);
        const about = { topic, type, md5sum: '*', message_definition: 'string data' };
        const connection = record({ ...op(7), conn: u32(id), topic }, fields(about));
        connections.push(connection);
        put(connection);
      }
      const conn = ids.get(topic)!;
      index.set(conn, [...(index.get(conn) ?? []), time(seconds), u32(at)]);
      put(record({ ...op(2), conn: u32(conn), time: time(seconds) }, bytes));
    }
    const chunk = Buffer.concat(records);
    const data = pack === undefined ? chunk : packed(chunk);
    const about = { ...op(5), compression: pack ?? 'none', size: u32(chunk.length + lie) };
    const indices = [...index].map(([conn, entries]) =>
      record(
        { ...op(4), ver: u32(1), conn: u32(conn), count: u32(entries.length / 2) },
        Buffer.concat(entries),
      ),
    );
    const times = some.map(({ time: seconds }) => seconds);
    infos.push(
      record(
        {
          ...{ ...op(6), ver: u32(1), chunk_pos: u64(position), count: u32(index.size) },
          ...{ start_time: time(Math.min(...times)), end_time: time(Math.max(...times)) },
        },
        Buffer.concat([...index].map(([conn, entries]) => u32(conn, entries.length / 2))),
      ),
    );
    const written = Buffer.concat([record(about, data), ...indices]);
    parts.push(written);
    position += written.length;
  }
  return Buffer.concat([header(position), ...parts, ...connections, ...infos]);
}
