import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { parse } from '@foxglove/rosmsg';
import { MessageWriter } from '@foxglove/rosmsg2-serialization';
import { McapWriter } from '@mcap/core';
import { random } from '../src/random.js';

const NEXT = `\n${'='.repeat(80)}\nMSG: `;
const HEADER = `${NEXT}std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id`;
const TYPES = {
  'sensor_msgs/msg/Image': `std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\nuint8[] data${HEADER}`,
  'sensor_msgs/msg/CameraInfo': `std_msgs/Header header\nuint32 height\nuint32 width\nstring distortion_model\nfloat64[] d\nfloat64[9] k${HEADER}`,
  'tf2_msgs/msg/TFMessage':
    `geometry_msgs/TransformStamped[] transforms${NEXT}geometry_msgs/TransformStamped\nstd_msgs/Header header\n` +
    `string child_frame_id\nTransform transform${NEXT}geometry_msgs/Transform\nVector3 translation\nQuaternion rotation` +
    `${NEXT}geometry_msgs/Vector3\nfloat64 x\nfloat64 y\nfloat64 z${NEXT}geometry_msgs/Quaternion\nfloat64 x\nfloat64 y\nfloat64 z\nfloat64 w${HEADER}`,
} as const;

export interface McapBench {
  readonly frames: number;
  readonly width: number;
  readonly height: number;
  readonly zstd?: boolean;
}

/** Writes a ROS 2 recording of raw images as recorders do by default: 1 MB chunks, with checksums and an index. @returns its bytes */
export async function writeMcap(path: string, { frames, width, height, zstd }: McapBench): Promise<number> {
  const file = await open(path, 'w');
  let position = 0;
  const packer = zstd ? await zstdModule() : undefined;
  const writer = new McapWriter({
    chunkSize: 2 ** 20,
    ...(packer && {
      compressChunk: (bytes: Uint8Array) => ({
        compression: 'zstd',
        compressedData: packer.compress(bytes, 1),
      }),
    }),
    writable: {
      position: () => BigInt(position),
      async write(bytes) {
        await file.write(bytes);
        position += bytes.length;
      },
    },
  });
  await writer.start({ profile: 'ros2', library: 'bench' });
  const writers = new Map<string, { id: number; message: MessageWriter }>();
  const channel = async (topic: string, name: keyof typeof TYPES) => {
    const data = new TextEncoder().encode(TYPES[name]);
    const schemaId = await writer.registerSchema({ name, encoding: 'ros2msg', data });
    const id = await writer.registerChannel({
      topic,
      schemaId,
      messageEncoding: 'cdr',
      metadata: new Map(),
    });
    writers.set(topic, { id, message: new MessageWriter(parse(TYPES[name], { ros2: true })) });
  };
  await channel('/camera/color/image_raw', 'sensor_msgs/msg/Image');
  await channel('/camera/depth_registered/image_raw', 'sensor_msgs/msg/Image');
  await channel('/camera/depth_registered/camera_info', 'sensor_msgs/msg/CameraInfo');
  await channel('/tf', 'tf2_msgs/msg/TFMessage');
  const put = async (topic: string, nanoseconds: bigint, message: object) => {
    const { id, message: encoder } = writers.get(topic)!;
    const data = encoder.writeMessage(message);
    await writer.addMessage({
      ...{ channelId: id, sequence: 0, logTime: nanoseconds, publishTime: nanoseconds, data },
    });
  };
  // A slope with a little noise, which packs about as well as a room does.
  const next = random(1);
  const noise = Uint8Array.from({ length: 2 ** 16 }, () => next() * 4);
  const colour = new Uint8Array(width * height * 3);
  const depth = new Uint16Array(width * height);
  for (let i = 0; i < colour.length; i++) colour[i] = (i / 97) % 200;
  const rotation = { x: 0, y: 0, z: 0, w: 1 };
  for (let frame = 0; frame < frames; frame++) {
    const nanoseconds = BigInt(Math.round((frame * 1e9) / 30));
    const stamp = {
      sec: Number(nanoseconds / 1_000_000_000n),
      nanosec: Number(nanoseconds % 1_000_000_000n),
    };
    const header = { stamp, frame_id: 'camera' };
    const shift = (frame * 7919) % 2 ** 15;
    for (let i = 0; i < depth.length; i++) depth[i] = 1000 + i / 300 + noise[(i + shift) & 0xffff];
    for (let i = frame % 7; i < colour.length; i += 7)
      colour[i] = ((i / 97) % 200) + noise[(i + shift) & 0xffff];
    const image = { header, height, width, is_bigendian: 0 };
    await put('/tf', nanoseconds, {
      transforms: [
        {
          header: { stamp, frame_id: 'map' },
          child_frame_id: 'camera',
          transform: { translation: { x: frame / 100, y: 0, z: 0 }, rotation },
        },
      ],
    });
    const k = [width, 0, width / 2, 0, width, height / 2, 0, 0, 1];
    await put('/camera/depth_registered/camera_info', nanoseconds, {
      header,
      height,
      width,
      distortion_model: 'plumb_bob',
      d: [],
      k,
    });
    await put('/camera/color/image_raw', nanoseconds, {
      ...image,
      encoding: 'rgb8',
      step: width * 3,
      data: colour,
    });
    await put('/camera/depth_registered/image_raw', nanoseconds, {
      ...image,
      encoding: '16UC1',
      step: width * 2,
      data: new Uint8Array(depth.buffer),
    });
  }
  await writer.end();
  await file.close();
  return position;
}

/** The module that @mcap/support unpacks with. */
async function zstdModule(): Promise<{ compress(bytes: Uint8Array, level: number): Uint8Array }> {
  const require = createRequire(createRequire(import.meta.url).resolve('@mcap/support'));
  const zstd = require('@foxglove/wasm-zstd');
  await zstd.isLoaded;
  return zstd;
}
