import { BadFrameError } from '../errors.js';

/** A numpy array as stored. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** numpy's name of the element type, such as `<f4`. */
  readonly dtype: string;
  /** Row-major. */
  readonly data:
    | Int8Array
    | Uint8Array
    | Int16Array
    | Uint16Array
    | Int32Array
    | Uint32Array
    | BigInt64Array
    | BigUint64Array
    | Float32Array
    | Float64Array;
}

const TYPES = {
  '|i1': Int8Array,
  '|u1': Uint8Array,
  '<i2': Int16Array,
  '<u2': Uint16Array,
  '<i4': Int32Array,
  '<u4': Uint32Array,
  '<i8': BigInt64Array,
  '<u8': BigUint64Array,
  '<f4': Float32Array,
  '<f8': Float64Array,
} as const;

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // "\x93NUMPY"

/**
 * Parses an npy file (numpy's NEP 1, versions 1 to 3), strictly: the length must be that of the shape.
 * @throws BadFrameError where it is no such file, is truncated, or holds another type or order
 */
export function parseNpy(bytes: Uint8Array, file: string): NpyArray {
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw new BadFrameError(file, 'not an npy file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12) throw new BadFrameError(file, 'truncated');
  const start = bytes[6] === 1 ? 10 : 12;
  const end = start + (bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (end > bytes.length) throw new BadFrameError(file, 'truncated');
  const header = new TextDecoder().decode(bytes.subarray(start, end));

  const dtype = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const sides = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (dtype === undefined || order === undefined || sides === undefined) {
    throw new BadFrameError(file, 'a malformed npy header');
  }
  const shape = (sides.match(/\d+/g) ?? []).map(Number);
  if (order === 'True') throw new BadFrameError(file, 'in Fortran order, expected C order');
  if (!isKnown(dtype)) {
    throw new BadFrameError(file, `${dtype} values, expected one of ${Object.keys(TYPES).join(' ')}`);
  }
  const type = TYPES[dtype];
  const length = shape.reduce((product, side) => product * side, 1);
  if (bytes.length - end !== length * type.BYTES_PER_ELEMENT) {
    const expected = `expected ${length * type.BYTES_PER_ELEMENT} for shape (${shape.join(', ')})`;
    throw new BadFrameError(file, `${bytes.length - end} bytes of values, ${expected}`);
  }
  // A copy, as the values need not be aligned in the file.
  const values = new Uint8Array(bytes.subarray(end));
  return { shape, dtype, data: new type(values.buffer) };
}

function isKnown(dtype: string): dtype is keyof typeof TYPES {
  return Object.hasOwn(TYPES, dtype);
}
