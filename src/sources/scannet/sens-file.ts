import type { FileHandle } from 'node:fs/promises';
import { endianness } from 'node:os';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { BadFrameError, UserError } from '../../errors.js';
import type { Intrinsics, Size } from '../../frame.js';
import { readFully, withFile } from '../byte-ranges.js';
import { requireIntrinsics } from '../depth-camera.js';
import { FileWindow } from '../file-window.js';
import { decodeColour } from '../images.js';
import { requirePose } from '../pose.js';
import type { StoredDepth } from '../working-frame.js';

// The layout is that of ScanNet's SensReader (sensorData.h, version 4), little-endian throughout:
//
//     u32 version, u64 n, n bytes of sensor name,
//     f32[16] × 4: colour intrinsics, colour extrinsics, depth intrinsics, depth extrinsics, each 4×4 row by row,
//     i32 colour compression, i32 depth compression, u32 colour width, height, depth width, height, f32 depth shift, u64 frames,
//     and a frame: f32[16] camera to world, u64 colour time, depth time (µs), colour bytes, depth bytes, then those bytes.
//
// Frames of an inertial sensor may follow.

const VERSION = 4;
const LONGEST_NAME = 4096;
/** What follows the sensor's name, up to the first frame. */
const SETTINGS_BYTES = 4 * 64 + 2 * 4 + 4 * 4 + 4 + 8;
const HEAD_BYTES = 64 + 4 * 8;
/** More than any camera has, as for other images. */
const MAX_PIXELS = 2 ** 26;
/** Of one frame's colour or depth, as stored; ScanNet's take some 200 kB. */
const MAX_PART_BYTES = 2 ** 26;
/** Nine hours at 30 a second. */
const MAX_FRAMES = 2 ** 20;

const COLOUR = { raw: 0, png: 1, jpeg: 2 } as const;
const DEPTH = { raw: 0, zlib: 1, occi: 2 } as const;

export interface SensHeader {
  /** Of the depth camera, whose pose is stored. */
  readonly intrinsics: Intrinsics;
  readonly colourSize: Size;
  readonly depthSize: Size;
  readonly colourCompression: number;
  readonly depthCompression: number;
  /** Stored values a metre. */
  readonly depthShift: number;
}

/** Where a file's frames lie. Memory: 16 bytes a frame. */
export interface SensIndex {
  readonly header: SensHeader;
  /** Frames found, damaged ones included. */
  readonly count: number;
  /** Where each frame's head begins, bytes. */
  readonly offsets: Float64Array;
  /** Colour bytes, depth bytes of each frame. */
  readonly sizes: Uint32Array;
  /** Whether depth was taken at times that go on; some files have none. */
  readonly hasClock: boolean;
  /** Whether colour was, too. */
  readonly hasColourClock: boolean;
  /** Frames that cannot be used, by number, and why. */
  readonly bad: readonly { readonly number: number; readonly reason: string }[];
}

/**
 * Lists a file's frames: reads their heads and passes over what they hold.
 * @param path absolute
 * @throws UserError where it is no such file, or cannot be read
 */
export async function indexSens(path: string): Promise<SensIndex> {
  return withFile(
    path,
    (fault) => new UserError(`${path}: ${fault}.`),
    (file, size) => index(path, file, size),
  );
}

async function index(path: string, file: FileHandle, size: number): Promise<SensIndex> {
  const fail = (reason: string) => new UserError(`${path}: ${reason}.`);
  const start = await readFully(file, 0, Math.min(size, 12));
  if (start.length < 12) throw fail('too short for a .sens file');
  const view = viewOf(start);
  if (view.getUint32(0, true) !== VERSION) {
    throw fail(`not a .sens file of version ${VERSION}: its version reads ${view.getUint32(0, true)}`);
  }
  const nameBytes = u64(view, 4);
  if (nameBytes > LONGEST_NAME)
    throw fail(`a sensor name of ${nameBytes} bytes, expected at most ${LONGEST_NAME}`);
  const settings = await readFully(file, 12 + nameBytes, SETTINGS_BYTES);
  if (settings.length < SETTINGS_BYTES) throw fail('the file ends within its header');
  const { header, frames } = parseSettings(viewOf(settings), path);
  const first = 12 + nameBytes + SETTINGS_BYTES;
  // Every frame takes a head: what the file announces beyond that is not there.
  const most = Math.min(frames, Math.floor((size - first) / HEAD_BYTES), MAX_FRAMES);

  const offsets = new Float64Array(most);
  const sizes = new Uint32Array(2 * most);
  const bad: { number: number; reason: string }[] = [];
  const heads = new FileWindow(file, size);
  let at = first;
  let count = 0;
  let [previous, previousColour] = [-1, -1];
  let [hasClock, hasColourClock] = [true, true];
  while (count < most) {
    const bytes = await heads.read(at, HEAD_BYTES);
    if (bytes.length < HEAD_BYTES) break;
    const head = viewOf(bytes);
    const [colour, depth] = [u64(head, 80), u64(head, 88)];
    const end = at + HEAD_BYTES + colour + depth;
    // Nothing after a size that cannot be is where it says.
    if (colour > MAX_PART_BYTES || depth > MAX_PART_BYTES || end > size) break;
    offsets[count] = at;
    sizes[2 * count] = colour;
    sizes[2 * count + 1] = depth;
    const time = u64(head, 72);
    hasClock &&= time > previous;
    previous = time;
    const colourTime = u64(head, 64);
    hasColourClock &&= colourTime > previousColour;
    previousColour = colourTime;
    const reason = faultOf(head, colour, depth);
    if (reason !== undefined) bad.push({ number: count, reason });
    count++;
    at = end;
  }
  if (count === MAX_FRAMES && frames > MAX_FRAMES)
    throw fail(`${frames} frames, expected at most ${MAX_FRAMES}`);
  if (count < frames) {
    const lost = `${frames} frames announced, ${count} there`;
    bad.push({ number: count, reason: `the file is cut short or damaged here: ${lost}` });
  }
  return {
    ...{ header, count, offsets: offsets.slice(0, count), sizes: sizes.slice(0, 2 * count) },
    ...{ hasClock, hasColourClock, bad },
  };
}

/** Why a frame is no good, as far as its head tells. */
function faultOf(head: DataView, colour: number, depth: number): string | undefined {
  if (colour === 0) return 'no colour';
  if (depth === 0) return 'no depth';
  // The writer's mark for a camera that was lost.
  if (head.getFloat32(0, true) === Number.NEGATIVE_INFINITY) return 'no pose: the camera was lost';
  try {
    poseOf(head, '');
    return undefined;
  } catch (error) {
    if (error instanceof BadFrameError) return error.reason;
    throw error;
  }
}

function poseOf(head: DataView, file: string): Float64Array {
  return requirePose(
    Float64Array.from({ length: 16 }, (_, i) => head.getFloat32(4 * i, true)),
    file,
  );
}

function parseSettings(view: DataView, path: string): { header: SensHeader; frames: number } {
  const fail = (reason: string) => new UserError(`${path}: ${reason}.`);
  const depthMatrix = 2 * 64;
  const k = (i: number) => view.getFloat32(depthMatrix + 4 * i, true);
  const [colourCompression, depthCompression] = [view.getInt32(256, true), view.getInt32(260, true)];
  const sizeAt = (at: number) => ({ width: view.getUint32(at, true), height: view.getUint32(at + 4, true) });
  const [colourSize, depthSize] = [sizeAt(264), sizeAt(272)];
  const depthShift = view.getFloat32(280, true);
  const known: readonly number[] = Object.values(COLOUR);
  if (!known.includes(colourCompression)) {
    throw fail(`colour compression ${colourCompression}, expected JPEG, PNG or none`);
  }
  if (depthCompression === DEPTH.occi)
    throw fail('its depth is compressed by uplinksimple, expected zlib or none');
  if (depthCompression !== DEPTH.zlib && depthCompression !== DEPTH.raw) {
    throw fail(`depth compression ${depthCompression}, expected zlib or none`);
  }
  for (const { width, height } of [colourSize, depthSize]) {
    if (width === 0 || height === 0 || width * height > MAX_PIXELS)
      throw fail(`images of ${width}×${height} pixels`);
  }
  if (!(depthShift > 0 && Number.isFinite(depthShift)))
    throw fail(`a depth shift of ${depthShift}, expected above 0`);
  try {
    const intrinsics = requireIntrinsics({ fx: k(0), fy: k(5), cx: k(2), cy: k(6) }, basename(path));
    const header = { intrinsics, colourSize, depthSize, colourCompression, depthCompression, depthShift };
    return { header, frames: u64(view, 284) };
  } catch (error) {
    if (error instanceof BadFrameError) throw fail(error.reason);
    throw error;
  }
}

/** A frame as its head tells, and its images. */
export interface SensFrame {
  readonly colour: Size & { readonly data: Uint8Array };
  readonly depth: StoredDepth;
  readonly cameraToWorld: Float64Array;
  /** Seconds. */
  readonly time: number;
}

/**
 * Reads a frame.
 * @param path absolute
 * @param shown the file and the frame, for messages
 * @throws BadFrameError where it cannot be used
 */
export async function readSensFrame(
  path: string,
  { header, offsets, sizes }: SensIndex,
  number: number,
  shown: string,
): Promise<SensFrame> {
  const [colourBytes, depthBytes] = [sizes[2 * number], sizes[2 * number + 1]];
  const bytes = await withFile(path, shown, (file) =>
    readFully(file, offsets[number], HEAD_BYTES + colourBytes + depthBytes),
  );
  if (bytes.length < HEAD_BYTES + colourBytes + depthBytes) throw new BadFrameError(shown, 'truncated');
  const head = viewOf(bytes);
  const depthStart = HEAD_BYTES + colourBytes;
  const [colour, depth] = await Promise.all([
    colourOf(bytes.subarray(HEAD_BYTES, depthStart), header, `${shown}, colour`),
    depthOf(bytes.subarray(depthStart), header, `${shown}, depth`),
  ]);
  return { colour, depth, cameraToWorld: poseOf(head, shown), time: u64(head, 72) / 1e6 };
}

/** A frame's head alone. @throws BadFrameError where it cannot be read */
export async function readSensHead(
  path: string,
  { offsets }: SensIndex,
  number: number,
  shown: string,
): Promise<Pick<SensFrame, 'cameraToWorld' | 'time'> & { readonly colourTime: number }> {
  const bytes = await withFile(path, shown, (file) => readFully(file, offsets[number], HEAD_BYTES));
  if (bytes.length < HEAD_BYTES) throw new BadFrameError(shown, 'truncated');
  const head = viewOf(bytes);
  return { cameraToWorld: poseOf(head, shown), time: u64(head, 72) / 1e6, colourTime: u64(head, 64) / 1e6 };
}

async function colourOf(bytes: Uint8Array, { colourSize, colourCompression }: SensHeader, shown: string) {
  if (colourCompression !== COLOUR.raw) return decodeColour(bytes, shown);
  const { width, height } = colourSize;
  if (bytes.length !== width * height * 3) {
    throw new BadFrameError(
      shown,
      `${bytes.length} bytes, expected ${width * height * 3} for ${width}×${height}`,
    );
  }
  return { width, height, data: bytes };
}

const inflated = promisify<Uint8Array, { chunkSize: number; maxOutputLength: number }, Buffer>(inflate);

async function depthOf(bytes: Uint8Array, header: SensHeader, shown: string): Promise<StoredDepth> {
  const { width, height } = header.depthSize;
  const expected = width * height * 2;
  let values = bytes;
  if (header.depthCompression === DEPTH.zlib) {
    try {
      // One chunk takes it all, and one byte more than there should be is not inflated.
      values = await inflated(bytes, { chunkSize: Math.max(64, expected + 1), maxOutputLength: expected });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const reason =
        code === 'ERR_BUFFER_TOO_LARGE'
          ? `inflates to more than ${expected} bytes`
          : `cannot be inflated: ${message}`;
      throw new BadFrameError(shown, reason);
    }
  }
  if (values.length !== expected) {
    throw new BadFrameError(shown, `${values.length} bytes, expected ${expected} for ${width}×${height}`);
  }
  return { width, height, bits: 16, data: littleEndian16(values), scale: header.depthShift, greatest: 65535 };
}

function littleEndian16(bytes: Uint8Array): Uint16Array {
  const isAligned = bytes.byteOffset % 2 === 0 && endianness() === 'LE';
  if (isAligned) return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const copy = new Uint8Array(bytes);
  if (endianness() === 'BE') Buffer.from(copy.buffer).swap16();
  return new Uint16Array(copy.buffer);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** As a double: exact below 2⁵³, and what is more is out of all bounds here. */
function u64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
