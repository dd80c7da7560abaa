import type { HostTensor } from '../../network.js';
import { Malformed } from './malformed.js';

/** A tensor in a file, decoded when asked for, so that what is not needed costs nothing. */
export interface StoredTensor {
  readonly shape: readonly number[];
  /** @throws Malformed if its bytes are not there or are of a type that holds no real numbers */
  read(): Float32Array;
}

export type StoredTensors = ReadonlyMap<string, StoredTensor>;

/** Numbers in the largest tensor of any MobileNetV2 are 1.3 million; a shape that says more is broken. */
const MOST_ELEMENTS = 2 ** 21;

export type NumberType =
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64'
  | 'int8'
  | 'uint8'
  | 'uint16'
  | 'int32'
  | 'int64';

export const BYTES_PER_NUMBER: Readonly<Record<NumberType, number>> = {
  float16: 2,
  bfloat16: 2,
  float32: 4,
  float64: 8,
  int8: 1,
  uint8: 1,
  uint16: 2,
  int32: 4,
  int64: 8,
};

/** @throws Malformed if the shape is no shape or too large to be meant */
export function elementCount(name: string, shape: readonly number[]): number {
  const count = shape.reduce((product, n) => product * n, 1);
  if (!shape.every((n) => Number.isSafeInteger(n) && n > 0) || count > MOST_ELEMENTS) {
    throw new Malformed(`tensor ${name} has the impossible shape [${shape}]`);
  }
  return count;
}

/**
 * Numbers of any type as float32.
 *
 * @param bytes little-endian, any alignment
 * @throws Malformed if there are not exactly `count` numbers
 */
export function decodeNumbers(
  name: string,
  bytes: Uint8Array,
  type: NumberType,
  count: number,
): Float32Array {
  if (bytes.length !== count * BYTES_PER_NUMBER[type]) {
    throw new Malformed(
      `tensor ${name} has ${bytes.length} bytes where ${count} numbers of type ${type} need ${count * BYTES_PER_NUMBER[type]}`,
    );
  }
  // A copy of its own: bytes in a file need not be aligned.
  const { buffer } = new Uint8Array(bytes);
  switch (type) {
    case 'float32':
      return new Float32Array(buffer);
    case 'float64':
      return Float32Array.from(new Float64Array(buffer));
    case 'float16':
      return Float32Array.from(new Uint16Array(buffer), halfValue);
    case 'bfloat16': {
      // The upper half of a float32.
      const words = Uint32Array.from(new Uint16Array(buffer), (bits) => bits * 0x10000);
      return new Float32Array(words.buffer);
    }
    case 'int8':
      return Float32Array.from(new Int8Array(buffer));
    case 'uint8':
      return Float32Array.from(new Uint8Array(buffer));
    case 'uint16':
      return Float32Array.from(new Uint16Array(buffer));
    case 'int32':
      return Float32Array.from(new Int32Array(buffer));
    case 'int64':
      return Float32Array.from(new BigInt64Array(buffer), Number);
  }
}

/** The value of an IEEE 754 binary16. */
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/**
 * Reads a tensor with its axes in another order, and its numbers with it.
 * @param axes `axes[i]` is the axis of the stored tensor that becomes axis i
 */
export function readTransposed(tensor: StoredTensor, axes: readonly number[]): HostTensor {
  const source = tensor.read();
  const shape = axes.map((axis) => tensor.shape[axis]);
  const strides = axes.map((axis) => tensor.shape.slice(axis + 1).reduce((product, n) => product * n, 1));
  const data = new Float32Array(source.length);
  const index = new Array<number>(axes.length).fill(0);
  let at = 0;
  for (let i = 0; i < data.length; i++) {
    data[i] = source[at];
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return { shape, data };
}
