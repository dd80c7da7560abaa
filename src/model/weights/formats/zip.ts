import { inflateRawSync } from 'node:zlib';
import { crc32 } from '../../../crc32.js';
import { ByteView } from './byte-view.js';
import { Malformed } from './malformed.js';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const END_LENGTH = 22;
// Methods of compression.
const STORED = 0;
const DEFLATED = 8;
const LONGEST_COMMENT = 0xffff;

/** Most bytes that are unpacked; MobileNetV2 in float32 is 14 million, 42 with an optimiser's state. */
const MOST_UNPACKED = 2 ** 27;

/**
 * Entries of a zip archive (APPNOTE.TXT, without zip64) by name, each unpacked and checked against its length and
 * CRC-32 when it is first asked for.
 */
export function readZip(bytes: Uint8Array): Map<string, () => Uint8Array> {
  const view = new ByteView(bytes);
  const end = endOfDirectory(view);
  const count = view.u16(end + 10);
  const entries = new Map<string, () => Uint8Array>();
  let left = MOST_UNPACKED;
  let at = view.u32(end + 16);
  for (let i = 0; i < count; i++) {
    if (view.u32(at) !== DIRECTORY_ENTRY) throw new Malformed("its archive's directory is broken");
    const [nameLength, extraLength, commentLength] = [
      view.u16(at + 28),
      view.u16(at + 30),
      view.u16(at + 32),
    ];
    const name = view.text(at + 46, nameLength);
    const header = at;
    let content: Uint8Array | undefined;
    entries.set(name, () => {
      if (content === undefined) {
        content = unpack(view, header, name, left);
        left -= content.length;
      }
      return content;
    });
    at += 46 + nameLength + extraLength + commentLength;
  }
  return entries;
}

function endOfDirectory(view: ByteView): number {
  const last = view.length - END_LENGTH;
  for (let at = last; at >= 0 && at >= last - LONGEST_COMMENT; at--) {
    if (view.u32(at) === END_OF_DIRECTORY) return at;
  }
  throw new Malformed("it ends before its archive's directory");
}

/** @param most bytes that it may have unpacked */
function unpack(view: ByteView, entry: number, name: string, most: number): Uint8Array {
  const method = view.u16(entry + 10);
  const [checksum, packed, size] = [view.u32(entry + 16), view.u32(entry + 20), view.u32(entry + 24)];
  const local = view.u32(entry + 42);
  if (view.u32(local) !== LOCAL_HEADER)
    throw new Malformed(`its archive's entry ${name} is not where it should be`);
  const start = local + 30 + view.u16(local + 26) + view.u16(local + 28);
  const stored = view.slice(start, packed, `archive entry ${name}`);
  if ((method !== STORED && method !== DEFLATED) || size > most)
    throw new Malformed(`its archive's entry ${name} cannot be unpacked`);
  const content = method === STORED ? stored : inflate(stored, size);
  if (content?.length !== size || crc32(content) !== checksum)
    throw new Malformed(`its archive's entry ${name} is damaged`);
  return content;
}

/** Undefined where the bytes are not deflated ones or hold more than `size`. */
function inflate(bytes: Uint8Array, size: number): Uint8Array | undefined {
  try {
    return inflateRawSync(bytes, { maxOutputLength: Math.max(size, 1) });
  } catch {
    return undefined;
  }
}
