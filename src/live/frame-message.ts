import {
  Binary,
  type Data,
  Field,
  FixedSizeList,
  Float64,
  Int32,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableToIPC,
  Utf8,
} from 'apache-arrow';
import { BadFrameError } from '../errors.js';
import type { Size } from '../frame.js';
import { requireIntrinsics } from '../sources/depth-camera.js';
import { greyBits, imageSize, isJpeg } from '../sources/image-header.js';
import { requirePose } from '../sources/pose.js';
import { requireSameShape } from '../sources/working-size.js';
import { type ArrowColumn, columnNamed, readArrowBatch } from './arrow-batch.js';
import type { CapturedDepth, CapturedFrame } from './captured-frame.js';

/** How the depth of a frame may be sent. */
const DEPTH_ENCODINGS: readonly CapturedDepth['encoding'][] = ['png16', 'uint16', 'float32'];

export interface MessageColumn {
  readonly type: string;
  /** Whether rows may be without a value, and messages without the column. */
  readonly optional?: boolean;
  readonly unit?: string;
  readonly meaning: string;
}

const double = (unit: string, meaning: string) => ({ type: 'float64', unit, meaning });

/**
 * The columns of a message, by name; docs/live.md shows them. In a stored frame they lie in this order, so that all a
 * listing needs is within the file's first kilobytes.
 */
export const MESSAGE_COLUMNS = {
  scene: { type: 'utf8', meaning: 'scene name, 1 to 200 bytes; frames of different scenes never meet' },
  frame: { type: 'utf8', meaning: 'frame id, unique within its scene, 1 to 200 bytes' },
  timestamp: double('s', "the device's clock; need not go forwards"),
  depth_encoding: { type: 'utf8', meaning: `how \`depth\` is to be read: ${DEPTH_ENCODINGS.join(', ')}` },
  depth_width: {
    type: 'int32',
    optional: true,
    unit: 'pixels',
    meaning: 'width of raw depth; a PNG says its own',
  },
  depth_height: { type: 'int32', optional: true, unit: 'pixels', meaning: 'height of raw depth' },
  depth_scale: double('1/m', 'stored depth values a metre: 1000 for millimetres, 1 for metres; above 0'),
  fx: double('pixels', 'focal length, horizontal, at the size of the depth; above 0'),
  fy: double('pixels', 'focal length, vertical'),
  cx: double('pixels', 'principal point, horizontal; pixel centres at integers'),
  cy: double('pixels', 'principal point, vertical'),
  camera_to_world: {
    type: 'fixed_size_list<float64>[16]',
    unit: 'm',
    meaning: '4×4 pose, row-major, OpenCV axes (x right, y down, z forward), a rigid motion',
  },
  label: {
    type: 'binary',
    optional: true,
    meaning: '8-bit greyscale PNG of class ids, 255 unlabelled; null where there is none',
  },
  colour: { type: 'binary', meaning: 'JPEG or PNG, registered to the depth, of the same shape' },
  depth: {
    type: 'binary',
    meaning:
      'z-depth; 0 is no measurement: a 16-bit greyscale PNG, or width·height values of uint16 or float32, little-endian, row by row',
  },
} as const satisfies Readonly<Record<string, MessageColumn>>;

export type MessageColumnName = keyof typeof MESSAGE_COLUMNS;
const COLUMNS: readonly (readonly [string, MessageColumn])[] = Object.entries(MESSAGE_COLUMNS);

/** A row of a message that is no good. Names are undefined where it is they that are not. */
export interface RefusedRow {
  readonly scene: string | undefined;
  readonly id: string | undefined;
  /** A sentence that names the row and the column. */
  readonly refused: string;
}

export interface MessageLimits {
  /** Rows of one message. */
  readonly rows: number;
  /** Pixels of one image, by its header: before it is decoded. */
  readonly pixels: number;
}

const LONGEST_NAME = 200;

/**
 * Reads a message: an Arrow IPC stream of a schema and one record batch. No image is decoded.
 * Frames' bytes are views on the message: who holds one holds all.
 * @returns its rows in order: frames, and for rows at fault what is wrong with them
 * @throws BadFrameError where it is no such message, whatever its rows
 */
export function decodeFrames(bytes: Uint8Array, limits: MessageLimits): (CapturedFrame | RefusedRow)[] {
  const { rows, columns } = readArrowBatch(bytes, requireColumns);
  if (rows < 1 || rows > limits.rows)
    throw new BadFrameError('message', `${rows} rows, expected 1 to ${limits.rows} frames`);
  return Array.from({ length: rows }, (_, row) => decodeRow(new MessageRow(columns, row), limits));
}

/** What the first bytes of a stored frame say of it. */
export interface StoredHead {
  readonly scene: string;
  readonly id: string;
  readonly labelled: boolean;
  /** Seconds. */
  readonly timestamp: number;
  /** 4×4 row-major. */
  readonly cameraToWorld: Float64Array;
}

/** Bytes of a stored frame that surely hold its head. */
export const HEAD_BYTES = 16_384;

/**
 * @param head the first `HEAD_BYTES` of the file, or all
 * @param size of the file, bytes
 * @throws BadFrameError where the file is damaged, or cut short
 */
export function decodeHead(head: Uint8Array, size: number, file: string): StoredHead {
  const { rows, columns } = readArrowBatch(head, requireColumns, size, file);
  if (rows !== 1) throw new BadFrameError(file, `${rows} rows, expected one frame`);
  const row = new MessageRow(columns, 0);
  return {
    scene: row.name('scene'),
    id: row.name('frame'),
    labelled: !row.isNull('label'),
    timestamp: row.number('timestamp'),
    cameraToWorld: row.numbers('camera_to_world'),
  };
}

function requireColumns(types: ReadonlyMap<string, string>): void {
  for (const [name, { type, optional }] of COLUMNS) {
    const found = types.get(name);
    if (found === undefined && optional !== true)
      throw new BadFrameError(columnNamed(name), 'missing, expected in every message');
    if (found !== undefined && found !== type)
      throw new BadFrameError(columnNamed(name), `is ${found}, expected ${type}`);
  }
  for (const name of types.keys())
    if (!Object.hasOwn(MESSAGE_COLUMNS, name))
      throw new BadFrameError(
        columnNamed(name),
        `unknown, expected ${COLUMNS.map(([known]) => known).join(', ')}`,
      );
}

function decodeRow(row: MessageRow, limits: MessageLimits): CapturedFrame | RefusedRow {
  let scene: string | undefined;
  let id: string | undefined;
  try {
    scene = row.name('scene');
    id = row.name('frame');
    const depth = depthOf(row, limits.pixels);
    const colour = row.bytes('colour');
    const colourSize = imageSize(colour, row.at('colour'));
    requirePixels(colourSize, limits.pixels, row.at('colour'));
    requireSameShape(row.at('colour'), colourSize, depth, 'depth');
    return {
      scene,
      id,
      timestamp: row.number('timestamp'),
      colour: { encoding: isJpeg(colour) ? 'jpeg' : 'png', bytes: colour },
      depth,
      intrinsics: requireIntrinsics(
        { fx: row.number('fx'), fy: row.number('fy'), cx: row.number('cx'), cy: row.number('cy') },
        row.at('fx, fy'),
      ),
      cameraToWorld: requirePose(row.numbers('camera_to_world'), row.at('camera_to_world')),
      label: row.isNull('label') ? undefined : labelOf(row, limits.pixels, depth),
    };
  } catch (error) {
    if (error instanceof BadFrameError) return { scene, id, refused: error.message };
    throw error;
  }
}

function depthOf(row: MessageRow, pixels: number): CapturedDepth {
  const encoding = row.text('depth_encoding');
  const bytes = row.bytes('depth');
  const scale = row.number('depth_scale');
  const at = row.at('depth');
  if (scale <= 0) throw new BadFrameError(row.at('depth_scale'), `${scale}, expected a number above 0`);
  if (encoding === 'png16') {
    if (greyBits(bytes, at) !== 16) throw new BadFrameError(at, 'an 8-bit PNG, expected a 16-bit one');
    const size = imageSize(bytes, at);
    requirePixels(size, pixels, at);
    return { encoding, bytes, scale, ...size };
  }
  if (encoding !== 'uint16' && encoding !== 'float32')
    throw new BadFrameError(
      row.at('depth_encoding'),
      `${JSON.stringify(encoding.slice(0, 40))}, expected ${DEPTH_ENCODINGS.join(', ')}`,
    );
  const size = { width: row.number('depth_width'), height: row.number('depth_height') };
  if (size.width < 1 || size.height < 1)
    throw new BadFrameError(
      row.at('depth_width, depth_height'),
      `${size.width}×${size.height}, expected both above 0`,
    );
  requirePixels(size, pixels, at);
  const expected = size.width * size.height * (encoding === 'uint16' ? 2 : 4);
  if (bytes.length !== expected)
    throw new BadFrameError(
      at,
      `${bytes.length} bytes, expected ${expected} for ${size.width}×${size.height} of ${encoding}`,
    );
  return { encoding, bytes, scale, ...size };
}

function labelOf(row: MessageRow, pixels: number, depth: Size): Uint8Array {
  const bytes = row.bytes('label');
  const at = row.at('label');
  if (greyBits(bytes, at) !== 8) throw new BadFrameError(at, 'a 16-bit PNG, expected an 8-bit one');
  const size = imageSize(bytes, at);
  requirePixels(size, pixels, at);
  requireSameShape(at, size, depth, 'depth');
  return bytes;
}

function requirePixels({ width, height }: Size, most: number, at: string): void {
  if (width * height > most)
    throw new BadFrameError(at, `${width}×${height}, expected at most ${most} pixels`);
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One row, read with the message's own names in every fault. */
class MessageRow {
  constructor(
    private readonly columns: ReadonlyMap<string, ArrowColumn>,
    private readonly row: number,
  ) {}

  /** What a fault of these columns is said to be at. */
  at(columns: string): string {
    return `row ${this.row}, ${columns.includes(',') ? 'columns' : 'column'} ${columns}`;
  }

  isNull(column: MessageColumnName): boolean {
    return this.columns.get(column)?.isNull(this.row) ?? true;
  }

  bytes(column: MessageColumnName): Uint8Array {
    return this.present(column).bytes(this.row);
  }

  text(column: MessageColumnName): string {
    try {
      return UTF8.decode(this.bytes(column));
    } catch (error) {
      if (error instanceof TypeError) throw new BadFrameError(this.at(column), 'not valid UTF-8');
      throw error;
    }
  }

  name(column: MessageColumnName): string {
    const { length } = this.bytes(column);
    if (length < 1 || length > LONGEST_NAME)
      throw new BadFrameError(this.at(column), `a name of ${length} bytes, expected 1 to ${LONGEST_NAME}`);
    return this.text(column);
  }

  number(column: MessageColumnName): number {
    const value = this.present(column).number(this.row);
    if (!Number.isFinite(value))
      throw new BadFrameError(this.at(column), `${value}, expected a finite number`);
    return value;
  }

  numbers(column: MessageColumnName): Float64Array {
    return this.present(column).numbers(this.row);
  }

  private present(name: MessageColumnName): ArrowColumn {
    const column = this.columns.get(name);
    if (column === undefined || column.isNull(this.row))
      throw new BadFrameError(this.at(name), column === undefined ? 'missing' : 'null, expected a value');
    return column;
  }
}

const ITEM = new Field('item', new Float64(), false);
const TYPES = {
  utf8: new Utf8(),
  binary: new Binary(),
  float64: new Float64(),
  int32: new Int32(),
  'fixed_size_list<float64>[16]': new FixedSizeList(16, ITEM),
} as const;

const FIELDS = COLUMNS.map(
  ([name, { type, optional }]) => new Field(name, TYPES[type as keyof typeof TYPES], optional === true),
);
const SCHEMA = new Schema(FIELDS);

/** The message that brings these frames. A stored frame is a message of one. */
export function encodeFrames(frames: readonly CapturedFrame[]): Uint8Array {
  const children = COLUMNS.map(([name, { type }]) => {
    const values = frames.map((frame) => VALUE_OF[name as MessageColumnName](frame));
    return dataOf(type as keyof typeof TYPES, values);
  });
  const struct = makeData({ type: new Struct(FIELDS), length: frames.length, nullCount: 0, children });
  return tableToIPC(new Table(SCHEMA, new RecordBatch(SCHEMA, struct)), 'stream');
}

type Value = string | number | Uint8Array | Float64Array | undefined;

const raw = (depth: CapturedDepth, side: 'width' | 'height') =>
  depth.encoding === 'png16' ? undefined : depth[side];

const VALUE_OF: Readonly<Record<MessageColumnName, (frame: CapturedFrame) => Value>> = {
  scene: ({ scene }) => scene,
  frame: ({ id }) => id,
  timestamp: ({ timestamp }) => timestamp,
  depth_encoding: ({ depth }) => depth.encoding,
  depth_width: ({ depth }) => raw(depth, 'width'),
  depth_height: ({ depth }) => raw(depth, 'height'),
  depth_scale: ({ depth }) => depth.scale,
  fx: ({ intrinsics }) => intrinsics.fx,
  fy: ({ intrinsics }) => intrinsics.fy,
  cx: ({ intrinsics }) => intrinsics.cx,
  cy: ({ intrinsics }) => intrinsics.cy,
  camera_to_world: ({ cameraToWorld }) => cameraToWorld,
  label: ({ label }) => label,
  colour: ({ colour }) => colour.bytes,
  depth: ({ depth }) => depth.bytes,
};

function dataOf(type: keyof typeof TYPES, values: readonly Value[]): Data {
  const length = values.length;
  const bitmap = new Uint8Array((length + 7) >> 3);
  let nullCount = 0;
  values.forEach((value, i) => {
    if (value === undefined) nullCount++;
    else bitmap[i >> 3] |= 1 << (i & 7);
  });
  const validity = nullCount > 0 ? { nullCount, nullBitmap: bitmap } : { nullCount: 0 };
  if (type === 'float64' || type === 'int32') {
    const numbers = values.map((value) => (value as number | undefined) ?? 0);
    const data = type === 'float64' ? Float64Array.from(numbers) : Int32Array.from(numbers);
    return makeData({ type: TYPES[type] as Float64, length, data: data as Float64Array, ...validity });
  }
  if (type === 'fixed_size_list<float64>[16]') {
    const data = new Float64Array(16 * length);
    for (const [i, value] of values.entries()) data.set(value as Float64Array, 16 * i);
    const child = makeData({ type: ITEM.type, data });
    return makeData({ type: TYPES[type], length, child, ...validity });
  }
  const parts = values.map((value) =>
    typeof value === 'string' ? Buffer.from(value) : ((value as Uint8Array | undefined) ?? new Uint8Array()),
  );
  const valueOffsets = new Int32Array(length + 1);
  parts.forEach((part, i) => {
    valueOffsets[i + 1] = valueOffsets[i] + part.length;
  });
  const [first] = parts;
  const data = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
  return makeData({ type: TYPES[type] as Binary, length, valueOffsets, data, ...validity });
}
