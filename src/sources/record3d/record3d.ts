import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { BadFrameError, UserError } from '../../errors.js';
import { type Frame, frameName, type Intrinsics, type Size } from '../../frame.js';
import { requireIntrinsics } from '../depth-camera.js';
import { inOrder } from '../file-recording.js';
import { decodeColour } from '../images.js';
import type { Layout } from '../layout.js';
import { quaternionPose } from '../quaternion-pose.js';
import type { BadEntry, FrameEntry, Recording } from '../recording.js';
import { parseJson } from '../settings.js';
import { stampDigest, stampsOf } from '../stamps.js';
import { atWorkingSize, LabelTable } from '../working-frame.js';
import { openZip, type ZipFile } from '../zip-file.js';
import { decodeLzfse } from './lzfse.js';

const ENDING = '.r3d';
const METADATA = 'metadata';

/** A frame takes some 250 characters: half an hour at 60 frames a second is 27 MB. */
const METADATA_LIMIT = 2 ** 25;
/** A photograph, or depth before unpacking. */
const PART_LIMIT = 2 ** 25;
/** The app's largest depth, of the front camera, is 720×960. */
const MOST_DEPTH_PIXELS = 2 ** 22;

const A_SIZE = 'a whole number of pixels above 0';
const side = z.int(A_SIZE).positive(A_SIZE);
const numbers = (count: number, what: string) => z.array(z.number(what), what).length(count, what);
/** Poses and times are looked at frame by frame: a bad one costs its own frame. Keys that are not read are passed over. */
const metadataSchema = z.object(
  {
    w: side,
    h: side,
    dw: side.optional(),
    dh: side.optional(),
    fps: z.number('a number above 0').positive('a number above 0').optional(),
    K: numbers(9, '9 numbers, a 3×3 matrix column by column'),
    perFrameIntrinsicCoeffs: z.array(z.unknown(), 'a list').nullish(),
    poses: z.array(z.unknown(), 'a list'),
    frameTimestamps: z.array(z.unknown(), 'a list').nullish(),
  },
  'an object',
);
type Metadata = z.output<typeof metadataSchema>;

/** A recording's file, opened. */
interface Archive {
  readonly scene: string;
  /** Relative to the recording. */
  readonly file: string;
  readonly zip: ZipFile;
  readonly metadata: Metadata;
}

/**
 * Recordings of the Record3D app for iPhones and iPads, `.r3d`: a zip archive with `metadata` (JSON) and, for frame N,
 * `rgbd/N.jpg`, `rgbd/N.depth` (float32 metres, row by row, LZFSE) and, from lidar, `rgbd/N.conf` (bytes, LZFSE; depth of the lowest
 * confidence, 0, is dropped). `K` is column-major and, like each frame's own `perFrameIntrinsicCoeffs` (fx, fy, cx, cy), for the
 * photographs' size w×h; poses are qx qy qz qw x y z, camera to world, metres, OpenGL axes. A folder of such files is a recording
 * with a scene each. No labels.
 */
export const record3d: Layout = {
  name: 'record3d',
  needs: `a file that ends in ${ENDING}, or a folder of them`,
  endings: [ENDING],
  matches: ({ files }) => files.some(isRecording),
  openFile: (path) => openArchives(path, dirname(path), [basename(path)]),
  open: (path, { files }) => openArchives(path, path, files.filter(isRecording)),
};

function isRecording(file: string): boolean {
  return file.toLowerCase().endsWith(ENDING);
}

/** @param folder what `files` are relative to */
async function openArchives(path: string, folder: string, files: readonly string[]): Promise<Recording> {
  const archives = new Map<string, Archive>();
  const frames: FrameEntry[] = [];
  const bad: BadEntry[] = [];
  for (const file of files) {
    const scene = file.slice(0, -ENDING.length);
    try {
      const archive = await openArchive(folder, file, scene);
      const stamp = await stampsOf(folder, [file]);
      archives.set(scene, archive);
      for (let index = 0; index < archive.metadata.poses.length; index++) {
        try {
          frames.push(entryOf(archive, index, stamp));
        } catch (error) {
          if (!(error instanceof BadFrameError)) throw error;
          bad.push({ scene, id: `${index}`, file: error.file, reason: error.reason });
        }
      }
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error;
      // One archive of several may be no good.
      if (files.length === 1) throw new UserError(`${error.message}.`);
      bad.push({ scene, id: '', file: error.file, reason: error.reason });
    }
  }
  if (frames.length === 0) {
    const fault = bad[0] === undefined ? '' : ` (${bad[0].file}: ${bad[0].reason})`;
    throw new UserError(`${path} has no usable frame: expected at least one${fault}.`);
  }
  const labelTable = new LabelTable(0, () => undefined);
  const find = ({ scene, id }: FrameEntry): [archive: Archive, index: number] => {
    const archive = archives.get(scene);
    if (archive === undefined) throw new Error(`${frameName({ scene, id })} is not a frame of ${path}`);
    return [archive, Number(id)];
  };
  return {
    path,
    format: record3d.name,
    classes: [],
    frames: inOrder(frames),
    bad: inOrder(bad),
    read: (entry, size) => readFrame(...find(entry), labelTable, size),
    readPose: async (entry) => poseOf(...find(entry)),
    readTime: async (entry) => timeOf(...find(entry)),
    superpixelFile: () => undefined,
  };
}

/** @throws BadFrameError where it is no archive, or its metadata no good */
async function openArchive(folder: string, file: string, scene: string): Promise<Archive> {
  const zip = await openZip(join(folder, file), file);
  const text = new TextDecoder().decode(await zip.read(METADATA, METADATA_LIMIT));
  try {
    return { scene, file, zip, metadata: parseJson(text, metadataSchema) };
  } catch (error) {
    throw new BadFrameError(`${file}, ${METADATA}`, (error as Error).message);
  }
}

const partName = (index: number, part: 'jpg' | 'depth' | 'conf') => `rgbd/${index}.${part}`;

/** @throws BadFrameError where the frame lacks a part, or its pose, time or intrinsics are no good */
function entryOf(archive: Archive, index: number, stamp: string): FrameEntry {
  const places = (['jpg', 'depth', 'conf'] as const).map((part) => {
    const name = partName(index, part);
    const entry = archive.zip.entries.get(name);
    if (entry === undefined && part !== 'conf') {
      const { damage } = archive.zip;
      const why = damage === undefined ? '' : ` (the archive's directory is damaged: ${damage})`;
      throw new BadFrameError(`${archive.file}, ${name}`, `missing${why}`);
    }
    return entry === undefined ? '' : `${entry.at} ${entry.packed} ${entry.crc}`;
  });
  const { fx, fy, cx, cy } = intrinsicsOf(archive, index);
  const told = [...poseOf(archive, index), timeOf(archive, index), fx, fy, cx, cy];
  return {
    scene: archive.scene,
    id: `${index}`,
    labelled: false,
    fingerprint: stampDigest(`${stamp}${places.join('\n')}\n${told.join(' ')}`),
    labelFingerprint: '',
  };
}

/** How messages name what `metadata` says of a frame. */
const metadataOf = (archive: Archive, key: string, index: number) =>
  `${archive.file}, ${METADATA}, ${key}[${index}]`;

function finite(value: unknown, count: number, file: string, what: string): number[] {
  const ok = Array.isArray(value) && value.length === count && value.every(Number.isFinite);
  if (!ok) throw new BadFrameError(file, `expected ${what}`);
  return value;
}

function poseOf(archive: Archive, index: number): Float64Array {
  const file = metadataOf(archive, 'poses', index);
  const pose = archive.metadata.poses[index];
  const values = finite(pose, 7, file, '7 finite numbers: qx, qy, qz, qw, x, y, z');
  const matrix = quaternionPose([...values.slice(4), ...values.slice(0, 4)], file);
  // From y up and z back to y down and z forward.
  for (const at of [1, 2, 5, 6, 9, 10]) matrix[at]! *= -1;
  return matrix;
}

/** Recordings of old versions have no times, only a rate. */
function timeOf(archive: Archive, index: number): number {
  const { frameTimestamps, fps = 30 } = archive.metadata;
  if (frameTimestamps == null || frameTimestamps.length === 0) return index / fps;
  const file = metadataOf(archive, 'frameTimestamps', index);
  const [time = 0] = finite([frameTimestamps[index]], 1, file, 'seconds, a finite number');
  return time;
}

/** For the photographs' size. */
function intrinsicsOf(archive: Archive, index: number): Intrinsics {
  const { K, perFrameIntrinsicCoeffs } = archive.metadata;
  if (perFrameIntrinsicCoeffs == null || perFrameIntrinsicCoeffs.length === 0) {
    const [fx = 0, , , , fy = 0, , cx = 0, cy = 0] = K;
    return requireIntrinsics({ fx, fy, cx, cy }, `${archive.file}, ${METADATA}, K`);
  }
  const file = metadataOf(archive, 'perFrameIntrinsicCoeffs', index);
  const own = perFrameIntrinsicCoeffs[index];
  const [fx = 0, fy = 0, cx = 0, cy = 0] = finite(own, 4, file, '4 finite numbers: fx, fy, cx, cy');
  return requireIntrinsics({ fx, fy, cx, cy }, file);
}

async function readFrame(
  archive: Archive,
  index: number,
  labelTable: LabelTable,
  size: Size,
): Promise<Frame> {
  const { scene, zip, metadata } = archive;
  const named = (part: 'jpg' | 'depth' | 'conf') => `${archive.file}, ${partName(index, part)}`;
  const jpg = await zip.read(partName(index, 'jpg'), PART_LIMIT);
  const colour = await decodeColour(jpg, named('jpg'));
  const depthSize = depthSizeOf(metadata, `${archive.file}, ${METADATA}`);
  const data = await readDepth(archive, index, depthSize);
  return atWorkingSize(
    {
      scene,
      id: `${index}`,
      timestamp: timeOf(archive, index),
      colour: { ...colour, file: named('jpg') },
      depth: { ...depthSize, bits: 32, data, scale: 1, greatest: Number.MAX_VALUE, file: named('depth') },
      intrinsics: intrinsicsOf(archive, index),
      calibratedAt: { width: metadata.w, height: metadata.h, file: `${archive.file}, ${METADATA}, w and h` },
      cameraToWorld: poseOf(archive, index),
      label: undefined,
    },
    labelTable,
    size,
  );
}

/** Recordings of old versions do not tell: then their photographs are as small as the depth. */
function depthSizeOf({ w, h, dw = w, dh = h }: Metadata, file: string): Size {
  if (dw * dh > MOST_DEPTH_PIXELS)
    throw new BadFrameError(file, `depth of ${dw}×${dh}, expected at most ${MOST_DEPTH_PIXELS} pixels`);
  return { width: dw, height: dh };
}

/** @returns H×W metres, 0 where the confidence is lowest; NaN where the camera says so */
async function readDepth(archive: Archive, index: number, { width, height }: Size): Promise<Float32Array> {
  const part = async (kind: 'depth' | 'conf', bytes: number): Promise<Uint8Array> => {
    const packed = await archive.zip.read(partName(index, kind), PART_LIMIT);
    try {
      return decodeLzfse(packed, bytes * width * height);
    } catch (error) {
      throw new BadFrameError(`${archive.file}, ${partName(index, kind)}`, (error as Error).message);
    }
  };
  const stored = await part('depth', 4);
  const view = new DataView(stored.buffer);
  const depth = Float32Array.from({ length: width * height }, (_, i) => view.getFloat32(4 * i, true));
  if (archive.zip.entries.has(partName(index, 'conf'))) {
    const confidence = await part('conf', 1);
    for (let i = 0; i < depth.length; i++) if (confidence[i] === 0) depth[i] = 0;
  }
  return depth;
}
