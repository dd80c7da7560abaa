import { McapWriter } from '@mcap/core';

// Messages from bytes up, so that the reader is not tested against its own inverse.

/** Common Data Representation, little-endian: values are aligned to their size, counted from behind the header. */
export class Cdr {
  readonly #bytes: number[] = [0, 1, 0, 0];

  #number(size: number, write: (view: DataView) => void): this {
    while ((this.#bytes.length - 4) % size !== 0) this.#bytes.push(0);
    const view = new DataView(new ArrayBuffer(size));
    write(view);
    this.#bytes.push(...new Uint8Array(view.buffer));
    return this;
  }
  u8(value: number): this {
    return this.#number(1, (view) => view.setUint8(0, value));
  }
  u32(value: number): this {
    return this.#number(4, (view) => view.setUint32(0, value, true));
  }
  i32(value: number): this {
    return this.#number(4, (view) => view.setInt32(0, value, true));
  }
  f64(...values: number[]): this {
    for (const value of values) this.#number(8, (view) => view.setFloat64(0, value, true));
    return this;
  }
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    this.u32(bytes.length + 1);
    this.#bytes.push(...bytes, 0);
    return this;
  }
  sequence(bytes: Uint8Array): this {
    this.u32(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }
  header(seconds: number, frame: string): this {
    const sec = Math.floor(seconds);
    return this.i32(sec)
      .u32(Math.round((seconds - sec) * 1e9))
      .text(frame);
  }
  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

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

export interface Recorded {
  readonly topic: string;
  readonly type: string;
  /** Seconds, when it was recorded. */
  readonly time: number;
  readonly bytes: Uint8Array;
}

export interface ImageParts {
  readonly width: number;
  readonly height: number;
  readonly encoding: string;
  readonly data: Uint8Array;
  readonly step?: number;
  readonly bigEndian?: boolean;
}

export function image(topic: string, time: number, frame: string, parts: ImageParts, at = time): Recorded {
  const { width, height, encoding, data, step = data.length / height, bigEndian = false } = parts;
  const { bytes } = new Cdr()
    .header(time, frame)
    .u32(height)
    .u32(width)
    .text(encoding)
    .u8(Number(bigEndian))
    .u32(step)
    .sequence(data);
  return { topic, type: 'sensor_msgs/msg/Image', time: at, bytes };
}

export function compressed(
  topic: string,
  time: number,
  frame: string,
  format: string,
  data: Uint8Array,
): Recorded {
  const { bytes } = new Cdr().header(time, frame).text(format).sequence(data);
  return { topic, type: 'sensor_msgs/msg/CompressedImage', time, bytes };
}

export function info(topic: string, time: number, width: number, height: number, k: number[]): Recorded {
  const { bytes } = new Cdr()
    .header(time, 'camera')
    .u32(height)
    .u32(width)
    .text('plumb_bob')
    .u32(5)
    .f64(0, 0, 0, 0, 0, ...k, ...[1, 0, 0, 0, 1, 0, 0, 0, 1], ...k.slice(0, 3), 0, ...k.slice(3, 6), 0)
    .f64(...k.slice(6), 0)
    .u32(0)
    .u32(0)
    .u32(0)
    .u32(0)
    .u32(0)
    .u32(0)
    .u8(0);
  return { topic, type: 'sensor_msgs/msg/CameraInfo', time, bytes };
}

export type Motion = readonly [
  parent: string,
  child: string,
  translation: readonly [number, number, number],
  rotation?: readonly [number, number, number, number],
];

export function tf(topic: '/tf' | '/tf_static', time: number, ...motions: Motion[]): Recorded {
  const cdr = new Cdr().u32(motions.length);
  for (const [parent, child, translation, rotation = [0, 0, 0, 1]] of motions) {
    cdr
      .header(time, parent)
      .text(child)
      .f64(...translation, ...rotation);
  }
  return { topic, type: 'tf2_msgs/msg/TFMessage', time, bytes: cdr.bytes };
}

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
