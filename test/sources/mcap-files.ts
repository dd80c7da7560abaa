import { McapWriter } from '@mcap/core';
import { crc32 } from './builders.js';
import type { Recorded } from './ros-messages.js';

const HEADER =
  'MSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n' +
  `${'='.repeat(80)}\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n`;
const and = `${'='.repeat(80)}\n`;

/** Definitions as rosbag2 stores them. */
const DEFINITIONS: Readonly<Record<string, string>> = {
  'sensor_msgs/msg/Image':
    'std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\n' +
    `uint8[] data\n${and}${HEADER}`,
  'sensor_msgs/msg/CompressedImage': `std_msgs/Header header\nstring format\nuint8[] data\n${and}${HEADER}`,
  'sensor_msgs/msg/CameraInfo':
    'std_msgs/Header header\nuint32 height\nuint32 width\nstring distortion_model\nfloat64[] d\nfloat64[9] k\n' +
    'float64[9] r\nfloat64[12] p\nuint32 binning_x\nuint32 binning_y\nRegionOfInterest roi\n' +
    `${and}${HEADER}${and}MSG: sensor_msgs/RegionOfInterest\nuint32 x_offset\nuint32 y_offset\nuint32 height\n` +
    'uint32 width\nbool do_rectify\n',
  'tf2_msgs/msg/TFMessage':
    `geometry_msgs/TransformStamped[] transforms\n${and}MSG: geometry_msgs/TransformStamped\n` +
    `std_msgs/Header header\nstring child_frame_id\nTransform transform\n${and}MSG: geometry_msgs/Transform\n` +
    `Vector3 translation\nQuaternion rotation\n${and}MSG: geometry_msgs/Vector3\nfloat64 x\nfloat64 y\n` +
    `float64 z\n${and}MSG: geometry_msgs/Quaternion\nfloat64 x 0\nfloat64 y 0\nfloat64 z 0\nfloat64 w 1\n` +
    `${and}${HEADER}`,
  'std_msgs/msg/String': 'string data\n',
};

/** An LZ4 frame of one block that is stored as it is (LZ4 frame format 1.6.1). */
export function lz4(bytes: Uint8Array): Uint8Array {
  const size = Buffer.alloc(4);
  size.writeUInt32LE((bytes.length | 0x80000000) >>> 0);
  // Version 1, independent blocks of up to 64 KB, and the header's checksum.
  const header = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82);
  return Buffer.concat([header, size, bytes, new Uint8Array(4)]);
}

/** A Zstandard frame of one block that is stored as it is (RFC 8878, 3.1.1). */
export function zstd(bytes: Uint8Array): Uint8Array {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32LE(bytes.length, 5);
  header.writeUIntLE((bytes.length << 3) | 1, 9, 3);
  return Buffer.concat([header, bytes]);
}

export interface McapKind {
  /** What chunks are packed with. */
  readonly pack?: 'lz4' | 'zstd';
  readonly chunkSize?: number;
  readonly messageEncoding?: string;
  readonly schemaEncoding?: string;
}

/** An MCAP file of messages in the order given. */
export async function mcap(messages: readonly Recorded[], kind: McapKind = {}): Promise<Uint8Array> {
  const { chunkSize = 2000, pack, messageEncoding = 'cdr', schemaEncoding = 'ros2msg' } = kind;
  const parts: Uint8Array[] = [];
  let position = 0n;
  const writer = new McapWriter({
    chunkSize,
    ...(pack && {
      compressChunk: (bytes: Uint8Array) => ({
        compression: pack,
        compressedData: { lz4, zstd }[pack](bytes),
      }),
    }),
    writable: {
      position: () => position,
      async write(bytes) {
        parts.push(bytes.slice());
        position += BigInt(bytes.length);
      },
    },
  });
  await writer.start({ profile: 'ros2', library: 'test' });
  const channels = new Map<string, number>();
  const schemas = new Map<string, number>();
  for (const [sequence, { topic, type, time, bytes }] of messages.entries()) {
    if (!schemas.has(type)) {
      const data = new TextEncoder().encode(DEFINITIONS[type]);
      schemas.set(type, await writer.registerSchema({ name: type, encoding: schemaEncoding, data }));
    }
    if (!channels.has(topic)) {
      const schemaId = schemas.get(type)!;
      const metadata = new Map<string, string>();
      channels.set(topic, await writer.registerChannel({ topic, schemaId, messageEncoding, metadata }));
    }
    const logTime = BigInt(Math.round(time * 1e9));
    const channelId = channels.get(topic)!;
    await writer.addMessage({ channelId, sequence, logTime, publishTime: logTime, data: bytes });
  }
  await writer.end();
  return Buffer.concat(parts);
}

class Bytes {
  readonly parts: Uint8Array[] = [];
  #int(size: number, write: (bytes: Buffer) => void): this {
    const bytes = Buffer.alloc(size);
    write(bytes);
    return this.bytes(bytes);
  }
  u16(value: number): this {
    return this.#int(2, (bytes) => bytes.writeUInt16LE(value));
  }
  u32(value: number): this {
    return this.#int(4, (bytes) => bytes.writeUInt32LE(value));
  }
  u64(value: number | bigint): this {
    return this.#int(8, (bytes) => bytes.writeBigUInt64LE(BigInt(value)));
  }
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.u32(bytes.length).bytes(bytes);
  }
  bytes(bytes: Uint8Array): this {
    this.parts.push(bytes);
    return this;
  }
  get all(): Buffer {
    return Buffer.concat(this.parts);
  }
}

function record(opcode: number, content: Bytes): Buffer {
  return new Bytes().bytes(Uint8Array.of(opcode)).u64(content.all.length).bytes(content.all).all;
}

const MAGIC = Uint8Array.of(0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a);

export interface McapBytes {
  /** Messages of a chunk; 0 = no chunks. */
  readonly perChunk?: number;
  readonly pack?: 'lz4' | 'zstd';
  /** What a chunk says it is unpacked, less what it is. */
  readonly lie?: number;
  readonly checksums?: boolean;
  readonly encoding?: string;
}

/** An MCAP file without index, from the format's definition (https://mcap.dev/spec). Topics and types come where they are first used. */
export function mcapBytes(messages: readonly Recorded[], kind: McapBytes = {}): Buffer {
  const { perChunk = 5, pack, lie = 0, checksums = true, encoding = 'cdr' } = kind;
  const file = new Bytes().bytes(MAGIC).bytes(record(1, new Bytes().text('ros2').text('test')));
  const ids = new Map<string, number>();
  let chunk = new Bytes();
  const times: bigint[] = [];
  const flush = () => {
    if (chunk.parts.length === 0) return;
    const records = chunk.all;
    const packed = pack === undefined ? records : { lz4, zstd }[pack](records);
    const content = new Bytes()
      .u64(times.reduce((a, b) => (a < b ? a : b), times[0]!))
      .u64(times.reduce((a, b) => (a > b ? a : b), 0n))
      .u64(records.length + lie)
      .u32(checksums ? crc32(records) : 0)
      .text(pack ?? '')
      .u64(packed.length)
      .bytes(packed);
    file.bytes(record(6, content));
    chunk = new Bytes();
    times.length = 0;
  };
  for (const [sequence, { topic, type, time, bytes }] of messages.entries()) {
    const into = perChunk > 0 ? chunk : file;
    if (!ids.has(topic)) {
      const id = ids.size + 1;
      ids.set(topic, id);
      const definition = new Bytes().text(DEFINITIONS[type] ?? '');
      into.bytes(record(3, new Bytes().u16(id).text(type).text('ros2msg').bytes(definition.all)));
      into.bytes(record(4, new Bytes().u16(id).u16(id).text(topic).text(encoding).u32(0)));
    }
    const nanoseconds = BigInt(Math.round(time * 1e9));
    const message = new Bytes().u16(ids.get(topic)!).u32(sequence).u64(nanoseconds).u64(nanoseconds);
    into.bytes(record(5, message.bytes(bytes)));
    times.push(nanoseconds);
    if (perChunk > 0 && times.length === perChunk) flush();
  }
  flush();
  return file
    .bytes(record(15, new Bytes().u32(0)))
    .bytes(record(2, new Bytes().u64(0).u64(0).u32(0)))
    .bytes(MAGIC).all;
}
