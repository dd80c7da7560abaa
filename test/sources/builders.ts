import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import {
  Field,
  FixedSizeList,
  type Float,
  Float16,
  Float32,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableToIPC,
} from 'apache-arrow';
import sharp from 'sharp';
import { afterAll } from 'vitest';
import { toHalves } from '../../src/model/probability-map.js';

// Fixtures from bytes up, so that the readers are not tested against the libraries they are made of.

/** Names and contents of files, relative to a recording. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** Writes a recording to a folder of its own, which goes when the test file ends; returns its path. */
export async function writeRecording(files: Files): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'viewal-sources-'));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

/** The files less those named. */
export function without(files: Files, ...names: readonly string[]): Files {
  return Object.fromEntries(Object.entries(files).filter(([name]) => !names.includes(name)));
}

export function text(bytes: string | Uint8Array): string {
  return typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes);
}

/** Bytes of numbers, big-endian, `bits` each. */
function bigEndian(values: ArrayLike<number>, bits: number): Buffer {
  const bytes = Buffer.alloc((values.length * bits) / 8);
  for (let i = 0; i < values.length; i++) {
    if (bits === 16) bytes.writeUInt16BE(values[i], i * 2);
    else bytes[i] = values[i];
  }
  return bytes;
}

export function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function chunk(name: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(name, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

export interface PngKind {
  readonly bits?: 4 | 8 | 16;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA. */
  readonly type?: 0 | 2 | 3 | 4 | 6;
  /** Chunks before the pixels. */
  readonly chunks?: readonly (readonly [name: string, data: Uint8Array])[];
}

/** A PNG without row filters. @param values channels interleaved, row-major; for 4 bits, packed bytes */
export function png(
  width: number,
  height: number,
  values: ArrayLike<number>,
  { bits = 8, type = 0, chunks = [] }: PngKind = {},
): Buffer {
  const pixels = bigEndian(values, bits === 16 ? 16 : 8);
  const stride = pixels.length / height;
  const rows: Uint8Array[] = [];
  for (let y = 0; y < height; y++) rows.push(Uint8Array.of(0), pixels.subarray(y * stride, (y + 1) * stride));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bits, type], 8);
  return Buffer.concat([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', header),
    ...chunks.map(([name, data]) => chunk(name, data)),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', new Uint8Array()),
  ]);
}

export function png16(width: number, height: number, values: ArrayLike<number>): Buffer {
  return png(width, height, values, { bits: 16 });
}

/** A PGM with a comment, as ScanNet's exporter writes it. */
export function pgm(width: number, height: number, values: ArrayLike<number>, greatest = 65535): Buffer {
  const header = `P5\n# depth shift is 1000\n${width} ${height}\n${greatest}\n`;
  return Buffer.concat([Buffer.from(header), bigEndian(values, greatest < 256 ? 8 : 16)]);
}

/** A JPEG of one colour, which the format keeps to within a shade or two. */
export function jpeg(
  width: number,
  height: number,
  [r, g, b]: readonly [number, number, number],
): Promise<Buffer> {
  const pixels = Buffer.alloc(width * height * 3);
  for (let i = 0; i < pixels.length; i += 3) pixels.set([r, g, b], i);
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 95 })
    .toBuffer();
}

const NPY_WRITERS: Readonly<Record<string, (bytes: Buffer, at: number, value: number) => void>> = {
  '|u1': (bytes, at, value) => bytes.writeUInt8(value, at),
  '<u2': (bytes, at, value) => bytes.writeUInt16LE(value, at * 2),
  '<i4': (bytes, at, value) => bytes.writeInt32LE(value, at * 4),
  '<i8': (bytes, at, value) => bytes.writeBigInt64LE(BigInt(value), at * 8),
  '<f4': (bytes, at, value) => bytes.writeFloatLE(value, at * 4),
  '<f8': (bytes, at, value) => bytes.writeDoubleLE(value, at * 8),
  '>f4': (bytes, at, value) => bytes.writeFloatBE(value, at * 4),
};

/** An npy file of version 1.0. */
export function npy(
  dtype: string,
  shape: readonly number[],
  values: ArrayLike<number>,
  { fortran = false }: { readonly fortran?: boolean } = {},
): Buffer {
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '${dtype}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${sides}), }`;
  const header = `${dictionary.padEnd(64 * Math.ceil((dictionary.length + 11) / 64) - 11)}\n`;
  const data = Buffer.alloc(values.length * Number(dtype[2]));
  for (let i = 0; i < values.length; i++) NPY_WRITERS[dtype]!(data, i, values[i]);
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(header), data]);
}

/** A pose file: standing at (x, y, z) metres, axes as the world's. */
export function poseAt(x: number, y: number, z: number): string {
  return `1 0 0 ${x}\n0 1 0 ${y}\n0 0 1 ${z}\n0 0 0 1\n`;
}

/** 0, 1, 2, …, each through `f`. */
export function ramp(length: number, f: (i: number) => number = (i) => i): number[] {
  return Array.from({ length }, (_, i) => f(i));
}

export interface ArrowKind {
  readonly classes?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Rows of each record batch. */
  readonly batches?: readonly number[];
}

/** An Arrow IPC file of one fixed-size list column. @param values pixel-major */
export function arrowMap(
  precision: 'float16' | 'float32',
  values: ArrayLike<number>,
  { classes = 3, metadata = {}, batches = [values.length / classes] }: ArrowKind = {},
): Uint8Array {
  const type: Float = precision === 'float16' ? new Float16() : new Float32();
  const singles = Float32Array.from(values);
  const stored = precision === 'float16' ? toHalves(singles) : singles;
  const list = new FixedSizeList(classes, new Field('p', type));
  const schema = new Schema([new Field('probabilities', list)], new Map(Object.entries(metadata)));
  let row = 0;
  const parts = batches.map((length) => {
    const data = stored.slice(row * classes, (row + length) * classes);
    row += length;
    const child = makeData({ type, length: length * classes, data: data as never });
    const column = makeData({ type: list, length, child });
    return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, children: [column] }));
  });
  return tableToIPC(new Table(schema, parts), 'file');
}
