import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { isMissing, writeFileAtomically } from '../files.js';
import { type Frame, frameName } from '../frame.js';
import { fileFault } from './input-files.js';
import { zOfRayLength } from './ray-length.js';
import type { FrameEntry, Recording } from './recording.js';
import { parseJson } from './settings.js';
import { stampDigest } from './stamps.js';

const POSITIVE = 'a number above 0';
const correctionSchema = z.strictObject(
  {
    poses: z
      .enum(['camera-to-world', 'world-to-camera'], '"camera-to-world" or "world-to-camera"')
      .default('camera-to-world'),
    axes: z.enum(['opencv', 'opengl'], '"opencv" or "opengl"').default('opencv'),
    depthFactor: z.number(POSITIVE).positive(POSITIVE).default(1),
    depth: z.enum(['z', 'ray'], '"z" or "ray"').default('z'),
  },
  {
    error: ({ code, ...issue }) =>
      code === 'unrecognized_keys'
        ? `without ${(issue.keys as string[]).map((key) => `"${key}"`).join(', ')} (expected poses, axes, depthFactor and depth)`
        : 'an object',
  },
);

/**
 * What a recording's poses and depth really are, as its reader gives them; `AS_READ` where the reader is right. To
 * set them right, poses are inverted first and their camera axes turned then; depth is multiplied, and made z.
 */
export interface Correction {
  readonly poses: 'camera-to-world' | 'world-to-camera';
  /** Of the camera: OpenGL's y points up and its z backward. */
  readonly axes: 'opencv' | 'opengl';
  /** What depth has to be multiplied by to be in metres. */
  readonly depthFactor: number;
  /** Whether depth is z or the length of the ray to the surface. */
  readonly depth: 'z' | 'ray';
}

export const AS_READ: Correction = { poses: 'camera-to-world', axes: 'opencv', depthFactor: 1, depth: 'z' };

/** How much a correction changes: the number of its conventions that differ from those read. */
export function changes(correction: Correction): number {
  return (Object.keys(AS_READ) as (keyof Correction)[]).filter((key) => correction[key] !== AS_READ[key])
    .length;
}

/** In a few words, such as "poses inverted, depth × 5". */
export function sayCorrection({ poses, axes, depthFactor, depth }: Correction): string {
  const parts = [
    ...(poses === 'world-to-camera' ? ['poses inverted'] : []),
    ...(axes === 'opengl' ? ['OpenGL axes turned'] : []),
    ...(depthFactor === 1 ? [] : [`depth × ${Number(depthFactor.toPrecision(5))}`]),
    ...(depth === 'ray' ? ['ray length to z'] : []),
  ];
  return parts.length === 0 ? 'nothing changed' : parts.join(', ');
}

const FILE = 'viewal-correction.json';

/** Where the correction of a recording is: in its folder, or beside it where the recording is one file. */
export async function correctionFile(path: string): Promise<string> {
  return (await stat(path)).isFile() ? `${path}.${FILE}` : join(path, FILE);
}

/**
 * @param path of the recording, absolute
 * @returns undefined where there is none
 * @throws UserError where it is no good
 */
export async function readCorrection(path: string): Promise<Correction | undefined> {
  const file = await correctionFile(path);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new UserError(`${file}: ${fileFault(error as NodeJS.ErrnoException)}.`);
  }
  try {
    return parseJson(text, correctionSchema);
  } catch (error) {
    throw new UserError(`${file}: ${(error as Error).message}. Removed, the recording is taken as it is.`);
  }
}

/**
 * Writes a correction beside its recording, from where `openRecording` takes it up.
 * @returns the file
 * @throws UserError where the folder cannot be written
 */
export async function writeCorrection(path: string, correction: Correction): Promise<string> {
  const file = await correctionFile(path);
  await writeFileAtomically(file, `${JSON.stringify(correction, null, 2)}\n`);
  return file;
}

/** A recording whose frames are set right as they are read. Fingerprints differ from those of the frames as they were. */
export function correctedRecording(recording: Recording, correction: Correction): Recording {
  const originals = new Map<string, FrameEntry>();
  const frames = recording.frames.map((entry): FrameEntry => {
    originals.set(frameName(entry), entry);
    return { ...entry, fingerprint: stampDigest(`${entry.fingerprint}\0${JSON.stringify(correction)}`) };
  });
  const original = (entry: FrameEntry): FrameEntry => {
    const known = originals.get(frameName(entry));
    if (known === undefined) throw new Error(`${frameName(entry)} is not a frame of ${recording.path}`);
    return known;
  };
  const { path, format, classes, bad, labelledList, validationList } = recording;
  const { readPose, readTime, readColourDelay } = recording;
  return {
    ...{ path, format, classes, frames, bad, labelledList, validationList, correction },
    read: async (entry, size) => correctedFrame(await recording.read(original(entry), size), correction),
    ...(readPose && {
      readPose: async (entry: FrameEntry) =>
        correctedPose(await readPose.call(recording, original(entry)), correction),
    }),
    ...(readTime && { readTime: (entry: FrameEntry) => readTime.call(recording, original(entry)) }),
    ...(readColourDelay && {
      readColourDelay: (entry: FrameEntry) => readColourDelay.call(recording, original(entry)),
    }),
    superpixelFile: (entry) => recording.superpixelFile(original(entry)),
  };
}

export function correctedFrame(frame: Frame, correction: Correction): Frame {
  const { depthFactor } = correction;
  const depth = depthFactor === 1 ? frame.depth : frame.depth.map((z) => z * depthFactor);
  return {
    ...frame,
    depth: correction.depth === 'ray' ? zOfRayLength(depth, frame, frame.intrinsics) : depth,
    cameraToWorld: correctedPose(frame.cameraToWorld, correction),
  };
}

/** @param pose 4×4 row-major, rigid, as read @returns camera to world, OpenCV axes */
export function correctedPose(
  pose: Float64Array,
  { poses, axes }: Pick<Correction, 'poses' | 'axes'>,
): Float64Array {
  const out = poses === 'world-to-camera' ? inverted(pose) : Float64Array.from(pose);
  // The camera's y and z columns, the other way round.
  if (axes === 'opengl')
    for (let row = 0; row < 3; row++) {
      out[4 * row + 1] *= -1;
      out[4 * row + 2] *= -1;
    }
  return out;
}

/** The true inverse and not the transpose, as poses printed to a few digits are not quite rotations. */
function inverted(m: Float64Array): Float64Array {
  const out = new Float64Array(16);
  const cofactor = (r: number, c: number) => {
    const [r1, r2, c1, c2] = [(r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3];
    return m[4 * r1 + c1] * m[4 * r2 + c2] - m[4 * r1 + c2] * m[4 * r2 + c1];
  };
  const determinant = m[0] * cofactor(0, 0) + m[1] * cofactor(0, 1) + m[2] * cofactor(0, 2);
  for (let r = 0; r < 3; r++) {
    for (let c = 0; c < 3; c++) out[4 * r + c] = cofactor(c, r) / determinant;
    out[4 * r + 3] = -(out[4 * r] * m[3] + out[4 * r + 1] * m[7] + out[4 * r + 2] * m[11]);
  }
  out[15] = 1;
  return out;
}
