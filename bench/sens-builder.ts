import { deflateSync } from 'node:zlib';

// Bytes of ScanNet's .sens files, from SensReader's sensorData.h (version 4). Knows nothing of the test runner: a bench writes
// its files with this too.

export interface SensFrameBytes {
  /** 4×4, row by row. */
  readonly pose: ArrayLike<number>;
  /** Microseconds. */
  readonly colourTime?: number;
  readonly depthTime?: number;
  /** As stored. */
  readonly colour: Uint8Array;
  readonly depth: Uint8Array;
}

export interface SensSettings {
  readonly version?: number;
  readonly sensor?: string;
  /** 4×4, row by row. */
  readonly colourIntrinsics?: ArrayLike<number>;
  readonly depthIntrinsics: ArrayLike<number>;
  /** 0 none, 1 PNG, 2 JPEG. */
  readonly colourCompression?: number;
  /** 0 none, 1 zlib. */
  readonly depthCompression?: number;
  readonly colourSize: readonly [width: number, height: number];
  readonly depthSize: readonly [width: number, height: number];
  readonly depthShift?: number;
}

const IDENTITY = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

function floats(values: ArrayLike<number>): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (let i = 0; i < values.length; i++) bytes.writeFloatLE(values[i]!, i * 4);
  return bytes;
}

function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value, i * 4);
  return bytes;
}

function u64(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [i, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), i * 8);
  return bytes;
}

/** All that comes before the first frame. */
export function sensHeader(settings: SensSettings, frames: number): Buffer {
  const { version = 4, sensor = 'StructureSensor', colourCompression = 2, depthCompression = 1 } = settings;
  const { colourIntrinsics = IDENTITY, depthIntrinsics, colourSize, depthSize, depthShift = 1000 } = settings;
  return Buffer.concat([
    u32(version),
    u64(Buffer.byteLength(sensor)),
    Buffer.from(sensor),
    floats(colourIntrinsics),
    floats(IDENTITY),
    floats(depthIntrinsics),
    floats(IDENTITY),
    u32(colourCompression, depthCompression, ...colourSize, ...depthSize),
    floats([depthShift]),
    u64(frames),
  ]);
}

/** A frame's head, without what it holds. */
export function sensHead(
  frame: Omit<SensFrameBytes, 'colour' | 'depth'>,
  colour: number,
  depth: number,
): Buffer {
  const { pose, colourTime = 0, depthTime = 0 } = frame;
  return Buffer.concat([floats(pose), u64(colourTime, depthTime, colour, depth)]);
}

export function sensFrame(frame: SensFrameBytes): Buffer {
  return Buffer.concat([sensHead(frame, frame.colour.length, frame.depth.length), frame.colour, frame.depth]);
}

/** A whole file, with the empty list of inertial measurements at its end. */
export function sens(settings: SensSettings, frames: readonly SensFrameBytes[]): Buffer {
  return Buffer.concat([sensHeader(settings, frames.length), ...frames.map(sensFrame), u64(0)]);
}

/** Depth as stored with compression 1. */
export function zlibDepth(values: ArrayLike<number>): Buffer {
  return deflateSync(rawDepth(values));
}

export function rawDepth(values: ArrayLike<number>): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (let i = 0; i < values.length; i++) bytes.writeUInt16LE(values[i]!, i * 2);
  return bytes;
}

/** A 4×4 matrix of intrinsics. */
export function k4(fx: number, fy: number, cx: number, cy: number): number[] {
  return [fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0, 0, 0, 0, 1];
}
