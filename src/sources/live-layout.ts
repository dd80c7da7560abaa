import { open } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { BadFrameError, UserError } from '../errors.js';
import { type Frame, frameName, IGNORE, type Size } from '../frame.js';
import type { CapturedDepth } from '../live/captured-frame.js';
import { decodeFrames, decodeHead, HEAD_BYTES, type StoredHead } from '../live/frame-message.js';
import { encodeName } from '../tables/encode-name.js';
import { type FrameId, inOrder } from './file-recording.js';
import { decodeColour, decodeGrey } from './images.js';
import { fileFault, listFolder, readBytes, readText } from './input-files.js';
import type { Layout } from './layout.js';
import type { BadEntry, FrameEntry, Recording } from './recording.js';
import { classNames, parseJson } from './settings.js';
import { stampDigest, stampsOf } from './stamps.js';
import { atWorkingSize, LabelTable, type StoredDepth } from './working-frame.js';

/** The file that marks a live recording, and says what its labels stand for. */
export const LIVE_SETTINGS = 'live.json';

const ENDING = '.frame.arrow';
const settingsSchema = z.object({ classes: classNames.default([]) }, 'an object');

/**
 * What a live run has taken: `live.json`, and a folder per scene with `<frame>.frame.arrow`, each the message of one
 * frame (docs/live.md).
 */
export const liveLayout: Layout = {
  name: 'live',
  needs: `${LIVE_SETTINGS} and a folder per scene with files such as 000000${ENDING}`,
  matches: ({ files }) => files.includes(LIVE_SETTINGS),
  async open(path): Promise<Recording> {
    const classes = await readLiveClasses(path);
    const { stored, bad } = await listStored(path);
    if (stored.length === 0) {
      const fault = bad[0] === undefined ? '' : ` (${bad[0].file}: ${bad[0].reason})`;
      throw new UserError(`${path} holds no usable frames: expected at least one${fault}.`);
    }
    const labelTable = liveLabels(classes);
    return {
      path,
      format: this.name,
      classes,
      frames: stored.map(({ entry }) => entry),
      bad,
      read: (entry, size) => readStored(path, entry, labelTable, size),
      readPose: async (entry) => (await readStoredHead(path, entry)).cameraToWorld,
      readTime: async (entry) => (await readStoredHead(path, entry)).timestamp,
      superpixelFile: () => undefined,
    };
  },
};

/** Class names of a live recording. @throws UserError where its settings are no good */
export async function readLiveClasses(path: string): Promise<readonly string[]> {
  const text = await readText(path, LIVE_SETTINGS);
  try {
    return parseJson(text, settingsSchema).classes;
  } catch (error) {
    throw new UserError(`${join(path, LIVE_SETTINGS)}: ${(error as Error).message}.`);
  }
}

export function liveLabels(classes: readonly string[]): LabelTable {
  return new LabelTable(classes.length, (stored) =>
    stored < classes.length || stored === IGNORE ? stored : undefined,
  );
}

/** Where a frame is stored, relative to the recording. No two frames share a file. */
export function storedFile({ scene, id }: FrameId): string {
  return `${encodeName(scene)}/${encodeName(id)}${ENDING}`;
}

/** A stored frame, and what else its file says without being read whole. */
export interface StoredFrame {
  readonly entry: FrameEntry;
  /** 4×4 row-major, camera to world, metres. */
  readonly cameraToWorld: Float64Array;
  /** Size of its file. */
  readonly bytes: number;
}

/** How many files are looked at once: enough to hide a disk's delay. */
const LOOKUPS = 64;

/** Lists what is stored, by scene and frame, reading the first kilobytes of each file. */
export async function listStored(path: string): Promise<{ stored: StoredFrame[]; bad: BadEntry[] }> {
  const files: string[] = [];
  for (const scene of (await listFolder(path)).folders)
    for (const file of (await listFolder(join(path, scene))).files)
      if (file.endsWith(ENDING)) files.push(`${scene}/${file}`);
  const stored: StoredFrame[] = [];
  const bad: BadEntry[] = [];
  for (let start = 0; start < files.length; start += LOOKUPS) {
    await Promise.all(
      files.slice(start, start + LOOKUPS).map(async (file) => {
        try {
          stored.push(await lookUp(path, file));
        } catch (error) {
          if (!(error instanceof BadFrameError)) throw error;
          const [scene = '', name = ''] = file.split('/');
          bad.push({ scene, id: name.slice(0, -ENDING.length), file, reason: error.reason });
        }
      }),
    );
  }
  const byFile = new Map(stored.map((frame) => [storedFile(frame.entry), frame]));
  return {
    stored: inOrder(stored.map(({ entry }) => entry)).map((entry) => byFile.get(storedFile(entry))!),
    bad: inOrder(bad),
  };
}

/** @throws BadFrameError where its file is damaged, or cut short */
export async function readStoredHead(path: string, frame: FrameId): Promise<StoredHead> {
  const file = storedFile(frame);
  const { head, size } = await readHead(join(path, file), file);
  return decodeHead(head, size, file);
}

async function lookUp(path: string, file: string): Promise<StoredFrame> {
  const { head, size } = await readHead(join(path, file), file);
  const { cameraToWorld, ...frame } = decodeHead(head, size, file);
  if (storedFile(frame) !== file)
    throw new BadFrameError(file, `holds frame ${frameName(frame)}, expected in ${storedFile(frame)}`);
  return { entry: await storedEntry(path, frame), cameraToWorld, bytes: size };
}

async function readHead(path: string, file: string): Promise<{ head: Uint8Array; size: number }> {
  try {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      const { buffer, bytesRead } = await handle.read(new Uint8Array(Math.min(size, HEAD_BYTES)), 0);
      return { head: buffer.subarray(0, bytesRead), size };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new BadFrameError(file, fileFault(error as NodeJS.ErrnoException));
  }
}

/** The entry of a frame whose file is there. */
export async function storedEntry(
  path: string,
  { scene, id, labelled }: FrameId & { readonly labelled: boolean },
): Promise<FrameEntry> {
  const stamp = await stampsOf(path, [storedFile({ scene, id })]);
  return {
    scene,
    id,
    labelled,
    fingerprint: stampDigest(stamp),
    labelFingerprint: labelled ? stampDigest(`label\0${stamp}`) : '',
  };
}

/** As file recordings: more than any camera has. */
const LIMITS = { rows: 1, pixels: 2 ** 26 };

/**
 * Reads a stored frame at the working size.
 * @throws BadFrameError where it cannot be used
 */
export async function readStored(
  path: string,
  entry: FrameEntry,
  labelTable: LabelTable,
  size: Size,
): Promise<Frame> {
  const file = storedFile(entry);
  const [sent] = inFile(file, await readBytes(join(path, file), file), decode);
  if (sent === undefined) throw new BadFrameError(file, 'no frame');
  if ('refused' in sent) throw new BadFrameError(file, sent.refused);
  const named = (column: string) => `${file}, ${column}`;
  const [colour, depth, label] = await Promise.all([
    decodeColour(sent.colour.bytes, named('colour')),
    decodeCapturedDepth(sent.depth, named('depth')),
    sent.label === undefined ? undefined : decodeGrey(sent.label, named('label')),
  ]);
  return atWorkingSize(
    {
      scene: sent.scene,
      id: sent.id,
      timestamp: sent.timestamp,
      colour: { ...colour, file: named('colour') },
      depth: { ...depth, file: named('depth') },
      intrinsics: sent.intrinsics,
      calibratedAt: { width: depth.width, height: depth.height, file: 'its intrinsics' },
      cameraToWorld: sent.cameraToWorld,
      label: label && { ...label, file: named('label') },
    },
    labelTable,
    size,
  );
}

const decode = (bytes: Uint8Array) => decodeFrames(bytes, LIMITS);

/** Faults of a message, told as those of a file. */
function inFile<T>(file: string, bytes: Uint8Array, read: (bytes: Uint8Array) => T): T {
  try {
    return read(bytes);
  } catch (error) {
    if (error instanceof BadFrameError) throw new BadFrameError(file, error.message);
    throw error;
  }
}

/** Depth as a device sent it. @throws BadFrameError where it cannot be decoded */
export async function decodeCapturedDepth(sent: CapturedDepth, file: string): Promise<StoredDepth> {
  const { encoding, bytes, width, height, scale } = sent;
  if (encoding === 'png16') return { ...(await decodeGrey(bytes, file)), scale, greatest: 65535 };
  // A copy, as values need not be aligned in a message. (A Buffer's slice is none.)
  const values = new Uint8Array(bytes);
  if (endianness() === 'BE') Buffer.from(values.buffer)[encoding === 'uint16' ? 'swap16' : 'swap32']();
  return encoding === 'uint16'
    ? { width, height, bits: 16, data: new Uint16Array(values.buffer), scale, greatest: 65535 }
    : { width, height, bits: 32, data: new Float32Array(values.buffer), scale, greatest: Number.MAX_VALUE };
}
