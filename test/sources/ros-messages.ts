// Messages of ROS from bytes up, so that the readers are not tested against their own inverse.

/** Writes fields one after the other. */
interface Fields {
  u8(value: number): this;
  u32(value: number): this;
  f64(...values: number[]): this;
  text(value: string): this;
  sequence(bytes: Uint8Array): this;
  header(seconds: number, frame: string): this;
  readonly bytes: Uint8Array;
}

/** ROS 2: Common Data Representation, little-endian: values are aligned to their size, counted from behind the header. */
class Cdr implements Fields {
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

/** ROS 1: little-endian, nothing aligned, strings without an end mark (http://wiki.ros.org/msg). */
class Ros1 implements Fields {
  readonly #parts: Uint8Array[] = [];

  #number(size: number, write: (view: DataView) => void): this {
    const view = new DataView(new ArrayBuffer(size));
    write(view);
    this.#parts.push(new Uint8Array(view.buffer));
    return this;
  }
  u8(value: number): this {
    return this.#number(1, (view) => view.setUint8(0, value));
  }
  u32(value: number): this {
    return this.#number(4, (view) => view.setUint32(0, value, true));
  }
  f64(...values: number[]): this {
    for (const value of values) this.#number(8, (view) => view.setFloat64(0, value, true));
    return this;
  }
  text(value: string): this {
    return this.sequence(new TextEncoder().encode(value));
  }
  sequence(bytes: Uint8Array): this {
    this.u32(bytes.length);
    this.#parts.push(bytes);
    return this;
  }
  header(seconds: number, frame: string): this {
    const sec = Math.floor(seconds);
    return this.u32(7)
      .u32(sec)
      .u32(Math.round((seconds - sec) * 1e9))
      .text(frame);
  }
  get bytes(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#parts));
  }
}

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

export type Motion = readonly [
  parent: string,
  child: string,
  translation: readonly [number, number, number],
  rotation?: readonly [number, number, number, number],
];

export type Messages = ReturnType<typeof messagesIn>;

/** @param between what stands between package and type in the names of types */
function messagesIn(fields: () => Fields, between: string) {
  return {
    image(topic: string, time: number, frame: string, parts: ImageParts, at = time): Recorded {
      const { width, height, encoding, data, step = data.length / height, bigEndian = false } = parts;
      const { bytes } = fields()
        .header(time, frame)
        .u32(height)
        .u32(width)
        .text(encoding)
        .u8(Number(bigEndian))
        .u32(step)
        .sequence(data);
      return { topic, type: `sensor_msgs/${between}Image`, time: at, bytes };
    },

    compressed(topic: string, time: number, frame: string, format: string, data: Uint8Array): Recorded {
      const { bytes } = fields().header(time, frame).text(format).sequence(data);
      return { topic, type: `sensor_msgs/${between}CompressedImage`, time, bytes };
    },

    info(topic: string, time: number, width: number, height: number, k: number[]): Recorded {
      const { bytes } = fields()
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
      return { topic, type: `sensor_msgs/${between}CameraInfo`, time, bytes };
    },

    tf(topic: '/tf' | '/tf_static', time: number, ...motions: Motion[]): Recorded {
      const transforms = fields().u32(motions.length);
      for (const [parent, child, translation, rotation = [0, 0, 0, 1]] of motions) {
        transforms
          .header(time, parent)
          .text(child)
          .f64(...translation, ...rotation);
      }
      return { topic, type: `tf2_msgs/${between}TFMessage`, time, bytes: transforms.bytes };
    },
  };
}

export const ROS2 = messagesIn(() => new Cdr(), 'msg/');
export const ROS1 = messagesIn(() => new Ros1(), '');
