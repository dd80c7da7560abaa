import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { writeFileAtomically } from '../files.js';
import type { HostTensor } from './network.js';

/**
 * The safetensors format (huggingface.co/docs/safetensors): a little-endian u64 with the header's length, a JSON
 * header that gives type, shape and byte range of every tensor, then the tensors' bytes. We write float32 only.
 */
export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** Digest of the tensors' bytes. Files from elsewhere lack it and are taken without. */
const DIGEST_KEY = 'sha256';

const LENGTH_BYTES = 8;
const ALIGNMENT = 8;

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/**
 * Writes a file, whole or not at all, making its folder.
 * @throws UserError where the disk is full or the folder cannot be written
 */
export async function writeSafetensors(file: string, { metadata, tensors }: SafetensorsFile): Promise<void> {
  await writeFileAtomically(file, encode(metadata, tensors));
}

/** @throws UserError if the file is absent, truncated or corrupt; the message names the file and the tensor */
export async function readSafetensors(file: string): Promise<SafetensorsFile> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new UserError(`Cannot read ${file}: ${reasonOf(error)}.`, { cause: error });
  }
  return decode(bytes, file);
}

/**
 * What a file says of itself, its tensors unread.
 * @throws UserError if the file is absent, or its header is truncated or corrupt
 */
export async function readSafetensorsMetadata(file: string): Promise<SafetensorsFile['metadata']> {
  const handle = await open(file).catch((error: unknown) => {
    throw new UserError(`Cannot read ${file}: ${reasonOf(error)}.`, { cause: error });
  });
  try {
    const { size } = await handle.stat();
    const length = Buffer.alloc(LENGTH_BYTES);
    await handle.read(length, 0, LENGTH_BYTES, 0);
    const header = Buffer.alloc(dataStartOf(length, size, file) - LENGTH_BYTES);
    await handle.read(header, 0, header.length, LENGTH_BYTES);
    return parseHeader(header.toString('utf8'), file).metadata;
  } finally {
    await handle.close();
  }
}

function encode(
  metadata: Readonly<Record<string, string>>,
  tensors: ReadonlyMap<string, HostTensor>,
): Buffer {
  const parts = [...tensors.values()].map(({ data }) => littleEndian(data));
  const header: Record<string, unknown> = {
    __metadata__: { ...metadata, [DIGEST_KEY]: digest(parts) },
  };
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    const end = offset + data.byteLength;
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  // Spaces after the JSON keep the tensors aligned for readers that map the file.
  const padded = Buffer.alloc(Math.ceil(json.length / ALIGNMENT) * ALIGNMENT, ' ');
  json.copy(padded);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, ...parts]);
}

function decode(bytes: Buffer, file: string): SafetensorsFile {
  const broken = (what: string) => brokenFile(file, what);
  const dataStart = dataStartOf(bytes, bytes.length, file);
  const header = parseHeader(bytes.toString('utf8', LENGTH_BYTES, dataStart), file);
  const data = bytes.subarray(dataStart);
  const tensors = new Map<string, HostTensor>();
  let expected = 0;
  for (const [name, entry] of header.entries) {
    if (!isHeaderEntry(entry)) throw broken(`the header's entry for tensor ${name} is malformed`);
    if (entry.dtype !== 'F32') throw broken(`tensor ${name} has type ${entry.dtype} where F32 was expected`);
    const [begin, end] = entry.data_offsets;
    const size = entry.shape.reduce((product, n) => product * n, 1);
    if (begin !== expected || end - begin !== size * 4) {
      throw broken(`the bytes of tensor ${name} do not fit its shape [${entry.shape}]`);
    }
    if (end > data.length) throw broken(`it ends within tensor ${name}`);
    tensors.set(name, { shape: entry.shape, data: fromLittleEndian(data.subarray(begin, end)) });
    expected = end;
  }
  if (expected !== data.length) throw broken(`${data.length - expected} bytes follow its last tensor`);
  const { [DIGEST_KEY]: stored, ...metadata } = header.metadata;
  if (stored !== undefined && stored !== digest([data]))
    throw broken('its tensors do not match their checksum');
  return { metadata, tensors };
}

function brokenFile(file: string, what: string): UserError {
  return new UserError(
    `${file} is not a whole safetensors file: ${what}. Expected one written by viewal train.`,
  );
}

/** Where the tensors' bytes begin in a file of `size` bytes, of which at least the first 8 are given. */
function dataStartOf(bytes: Buffer, size: number, file: string): number {
  if (size < LENGTH_BYTES) throw brokenFile(file, `it has ${size} bytes`);
  const dataStart = LENGTH_BYTES + Number(bytes.readBigUInt64LE());
  if (dataStart > size) throw brokenFile(file, 'its header runs past its end');
  return dataStart;
}

/** Entries in the order of their bytes. */
function parseHeader(
  text: string,
  file: string,
): { metadata: Record<string, string>; entries: [string, unknown][] } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {} // told below
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw brokenFile(file, 'its header is not JSON');
  }
  const { __metadata__: metadata = {}, ...rest } = parsed as Record<string, unknown>;
  const beginOf = (entry: unknown) => (isHeaderEntry(entry) ? entry.data_offsets[0] : 0);
  const entries = Object.entries(rest).sort(([, a], [, b]) => beginOf(a) - beginOf(b));
  return { metadata: metadata as Record<string, string>, entries };
}

function isHeaderEntry(value: unknown): value is HeaderEntry {
  const entry = value as Partial<HeaderEntry> | null;
  const isNatural = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0;
  return (
    typeof entry?.dtype === 'string' &&
    Array.isArray(entry.shape) &&
    entry.shape.every(isNatural) &&
    Array.isArray(entry.data_offsets) &&
    entry.data_offsets.length === 2 &&
    entry.data_offsets.every(isNatural)
  );
}

function digest(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Every platform that Node runs tfjs on is little-endian, so the numbers' own bytes are the file's. */
function littleEndian(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Copies: the file's buffer need not be aligned to 4 bytes. */
function fromLittleEndian(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file or folder';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  if (code === 'EISDIR') return 'it is a folder';
  return message;
}
