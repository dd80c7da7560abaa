import {
  type Data,
  DataType,
  type FixedSizeList,
  type Float,
  Precision,
  type Table,
  tableFromIPC,
} from 'apache-arrow';
import { BadFrameError } from '../errors.js';
import type { Size } from '../frame.js';
import { type ProbabilityMap, toHalves } from '../model/probability-map.js';
import { readBytes } from './input-files.js';
import { parseNpy } from './npy.js';

/** Files `readProbabilities` reads, by ending. */
export const PROBABILITY_FILE_ENDINGS = ['npy', 'arrow'] as const;

/** Above 1 by no more than rounding. */
const GREATEST = 1 + 1e-3;
/** How far the probabilities of a pixel may sum from 1: 40 classes rounded to halves stay well within. */
const SUM_TOLERANCE = 1e-2;

/**
 * Reads a user's own probability map, at the working size exactly: probabilities averaged over pixels would be
 * another network's.
 *
 * Either an npy array H×W×C of float32 or float64, or an Arrow IPC file with one column, a fixed-size list of C
 * float16 or float32, in H·W rows, row-major; where its schema has `width` and `height` as metadata they are checked.
 * @param classes C, where it is known what it should be
 * @throws BadFrameError where the file is unreadable, of another size, or does not hold probabilities
 */
export async function readProbabilities(file: string, size: Size, classes?: number): Promise<ProbabilityMap> {
  const bytes = await readBytes(file, file);
  const { values, channels } = file.endsWith('.arrow')
    ? arrowMap(bytes, file, size)
    : npyMap(bytes, file, size);
  if (channels < 2 || channels > 255) {
    throw new BadFrameError(file, `${channels} classes, expected 2 to 255`);
  }
  if (classes !== undefined && channels !== classes) {
    throw new BadFrameError(file, `${channels} classes, expected ${classes}`);
  }
  requireDistributions(values, channels, size.width, file);
  return { width: size.width, height: size.height, classes: channels, data: toHalves(values) };
}

/** H·W×C values. */
interface RawMap {
  readonly values: Float32Array;
  readonly channels: number;
}

function npyMap(bytes: Uint8Array, file: string, { width, height }: Size): RawMap {
  const { shape, dtype, data } = parseNpy(bytes, file);
  if (!(data instanceof Float32Array || data instanceof Float64Array)) {
    throw new BadFrameError(file, `${dtype} values, expected <f4 or <f8`);
  }
  const [rows, columns, channels] = shape;
  if (shape.length !== 3 || rows !== height || columns !== width || channels === undefined) {
    throw new BadFrameError(file, `shape (${shape.join(', ')}), expected (${height}, ${width}, classes)`);
  }
  return { values: data instanceof Float32Array ? data : Float32Array.from(data), channels };
}

function arrowMap(bytes: Uint8Array, file: string, { width, height }: Size): RawMap {
  const table = parseArrow(bytes, file);
  for (const [key, expected] of [
    ['width', width],
    ['height', height],
  ] as const) {
    const found = table.schema.metadata.get(key);
    if (found !== undefined && Number(found) !== expected) {
      throw new BadFrameError(file, `says its ${key} is ${found}, expected ${expected}`);
    }
  }
  const column = table.schema.fields.length === 1 ? table.getChildAt(0) : null;
  const type: unknown = column?.type;
  if (column === null || !DataType.isFixedSizeList(type) || !isHalfOrSingle(type.children[0]?.type)) {
    throw new BadFrameError(file, 'should have one column, a fixed-size list of float16 or float32');
  }
  if (table.numRows !== width * height) {
    throw new BadFrameError(file, `${table.numRows} rows, expected ${width}·${height} = ${width * height}`);
  }
  const channels = type.listSize;
  const values = new Float32Array(table.numRows * channels);
  let at = 0;
  for (const chunk of column.data as readonly Data<FixedSizeList<Float>>[]) {
    const child = chunk.children[0] as Data<Float> | undefined;
    const stored = child?.values;
    const length = chunk.length * channels;
    if (chunk.nullCount > 0 || child === undefined || child.nullCount > 0) {
      throw new BadFrameError(file, 'nulls, expected a probability everywhere');
    }
    if (stored === undefined || stored.length < length) throw new BadFrameError(file, 'truncated');
    if (stored instanceof Uint16Array) for (let i = 0; i < length; i++) values[at + i] = halfValue(stored[i]);
    else values.set(stored.subarray(0, length), at);
    at += length;
  }
  return { values, channels };
}

const ARROW_MAGIC = 'ARROW1';

/** The library tells a cut file from a whole one only by chance, so that is told here, by the magic at both ends. */
function parseArrow(bytes: Uint8Array, file: string): Table {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (text.toString('latin1', 0, 6) !== ARROW_MAGIC) throw new BadFrameError(file, 'not an Arrow IPC file');
  if (text.toString('latin1', text.length - 6) !== ARROW_MAGIC) throw new BadFrameError(file, 'truncated');
  try {
    return tableFromIPC(bytes);
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    throw new BadFrameError(file, `not a readable Arrow IPC file (${reason})`);
  }
}

function isHalfOrSingle(type: unknown): boolean {
  return DataType.isFloat(type) && (type.precision === Precision.HALF || type.precision === Precision.SINGLE);
}

/** Value of any IEEE 754 binary16 number. */
function halfValue(bits: number): number {
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15));
}

function requireDistributions(values: Float32Array, classes: number, width: number, file: string): void {
  for (let start = 0; start < values.length; start += classes) {
    let sum = 0;
    for (let i = start; i < start + classes; i++) {
      const value = values[i];
      // Written so that NaN fails.
      if (!(value >= 0 && value <= GREATEST)) {
        const where = place(start / classes, width);
        throw new BadFrameError(file, `${value} for class ${i - start} at ${where}, expected 0 to 1`);
      }
      sum += value;
    }
    if (Math.abs(sum - 1) > SUM_TOLERANCE) {
      const where = place(start / classes, width);
      throw new BadFrameError(file, `sums to ${sum.toFixed(4)} over the classes at ${where}, expected 1`);
    }
  }
}

function place(pixel: number, width: number): string {
  return `pixel (${pixel % width}, ${Math.floor(pixel / width)})`;
}
