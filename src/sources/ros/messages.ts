import { parse } from '@foxglove/rosmsg';
import { MessageReader as Ros1Reader } from '@foxglove/rosmsg-serialization';
import { MessageReader as Ros2Reader } from '@foxglove/rosmsg2-serialization';
import { UserError } from '../../errors.js';
import type { Size } from '../../frame.js';

/** std_msgs/Header. */
export interface RosHeader {
  readonly stamp: { readonly sec: number; readonly nsec: number };
  readonly frame_id: string;
}

/** sensor_msgs/Image. */
export interface RosImage {
  readonly height: number;
  readonly width: number;
  readonly encoding: string;
  readonly is_bigendian: number;
  /** Bytes a row, padding included. */
  readonly step: number;
  readonly data: Uint8Array;
}

/** sensor_msgs/CompressedImage. */
export interface RosCompressedImage {
  /** Such as `jpeg`, `rgb8; jpeg compressed bgr8` or `16UC1; compressedDepth png`. */
  readonly format: string;
  readonly data: Uint8Array;
}

/** sensor_msgs/CameraInfo, as far as it is of use. */
export interface RosCamera extends Size {
  /** 3×3, row by row, pixels. */
  readonly k: Float64Array;
}

/** tf2_msgs/TFMessage. */
export interface RosTransforms {
  readonly transforms: readonly {
    readonly header: RosHeader;
    readonly child_frame_id: string;
    readonly transform: {
      readonly translation: { readonly x: number; readonly y: number; readonly z: number };
      readonly rotation: { readonly x: number; readonly y: number; readonly z: number; readonly w: number };
    };
  }[];
}

/** What a message says, as far as frames are made of it. */
export type MessageKind = 'image' | 'compressed' | 'camera' | 'transforms';

/** Types by ROS 1's names; ROS 2 puts `/msg` in their middle. */
const KINDS: Readonly<Record<string, MessageKind>> = {
  'sensor_msgs/Image': 'image',
  'sensor_msgs/CompressedImage': 'compressed',
  'sensor_msgs/CameraInfo': 'camera',
  'tf2_msgs/TFMessage': 'transforms',
  'tf/tfMessage': 'transforms',
};

/** @param type such as `sensor_msgs/msg/Image`; undefined where frames are not made of it */
export function kindOf(type: string): MessageKind | undefined {
  return KINDS[type.replace('/msg/', '/')];
}

/** What is known of a message before it is decoded. */
interface Recorded {
  readonly topic: string;
  readonly type: string;
  /** When it was recorded, in seconds. */
  readonly logTime: number;
  /** Bytes that it keeps in memory. */
  readonly size: number;
}

/**
 * A message that frames are made of. `read` throws Error where its bytes do not fit its type, and UserError where
 * nothing on its topic can be read.
 * @template I what stands for an image: the image itself, or where it is
 */
export type RosMessage<I> = Recorded &
  (
    | { readonly kind: 'image' | 'compressed'; read(): { readonly header: RosHeader; readonly image: I } }
    | { readonly kind: 'camera'; read(): RosCamera }
    | { readonly kind: 'transforms'; read(): RosTransforms }
  );

/**
 * The definitions of those types, the beginning of them where the rest is of no use. The files bring their own, but these have not
 * changed since 2010, and definitions from a file would have to be bounded in what they make the decoder do.
 */
const DEFINITIONS: Readonly<Record<MessageKind | 'header', string>> = {
  header: 'std_msgs/Header header',
  image:
    'std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\nuint8[] data',
  compressed: 'std_msgs/Header header\nstring format\nuint8[] data',
  camera:
    'std_msgs/Header header\nuint32 height\nuint32 width\nstring distortion_model\nfloat64[] d\nfloat64[9] k',
  transforms: 'geometry_msgs/TransformStamped[] transforms',
};
const NEXT = `\n${'='.repeat(80)}\nMSG: `;
const SHARED =
  `${NEXT}geometry_msgs/TransformStamped\nstd_msgs/Header header\nstring child_frame_id\nTransform transform` +
  `${NEXT}geometry_msgs/Transform\nVector3 translation\nQuaternion rotation` +
  `${NEXT}geometry_msgs/Vector3\nfloat64 x\nfloat64 y\nfloat64 z` +
  `${NEXT}geometry_msgs/Quaternion\nfloat64 x\nfloat64 y\nfloat64 z\nfloat64 w${NEXT}std_msgs/Header\n`;
const ROS1_HEADER = 'uint32 seq\ntime stamp\nstring frame_id';
const ROS2_HEADER = 'time stamp\nstring frame_id';

/** Decodes messages of one encoding. Byte arrays of what it gives are views of the bytes that it is given. */
export interface MessageDecoder {
  /** @param bytes the message, or its first bytes */
  header(bytes: Uint8Array): RosHeader;
  image(bytes: Uint8Array, kind: 'image' | 'compressed'): ImageMessage;
  camera(bytes: Uint8Array): RosCamera;
  transforms(bytes: Uint8Array): RosTransforms;
}

export type ImageMessage = (RosImage | RosCompressedImage) & { readonly header: RosHeader };

function makeDecoder(
  readerOf: (definition: string) => { readMessage<T>(bytes: Uint8Array): T },
): MessageDecoder {
  const readers = Object.fromEntries(
    Object.entries(DEFINITIONS).map(([kind, definition]) => [kind, readerOf(definition)]),
  ) as Record<keyof typeof DEFINITIONS, ReturnType<typeof readerOf>>;
  return {
    header: (bytes) => readers.header.readMessage<{ header: RosHeader }>(bytes).header,
    image: (bytes, kind) => readers[kind].readMessage(bytes),
    camera(bytes) {
      const { width, height, k } = readers.camera.readMessage<RosCamera>(bytes);
      // A copy, as frames keep it and should not keep the bytes around it.
      return { width, height, k: Float64Array.from(k) };
    },
    transforms: (bytes) => readers.transforms.readMessage(bytes),
  };
}

const DECODERS: Readonly<Record<string, MessageDecoder>> = {
  ros1: makeDecoder((definition) => new Ros1Reader(parse(definition + SHARED + ROS1_HEADER))),
  cdr: makeDecoder(
    (definition) =>
      new Ros2Reader(parse(definition + SHARED + ROS2_HEADER, { ros2: true }), { timeType: 'sec,nsec' }),
  ),
};

/**
 * @param encoding of messages: `ros1`, or ROS 2's `cdr`
 * @throws UserError where it is another
 */
export function decoderOf(encoding: string, topic: string, file: string): MessageDecoder {
  const decoder = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  if (decoder !== undefined) return decoder;
  throw new UserError(
    `${file}: ${topic} is encoded as "${encoding}", expected messages of ROS 2 (cdr) or ROS 1 (ros1).`,
  );
}
