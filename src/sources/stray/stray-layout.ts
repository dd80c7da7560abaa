import { basename, join, parse } from 'node:path';
import { BadFrameError, UserError } from '../../errors.js';
import { type Frame, frameName, type Intrinsics, type Size } from '../../frame.js';
import { requireIntrinsics } from '../depth-camera.js';
import { inOrder } from '../file-recording.js';
import type { GreyImage } from '../grey-image.js';
import { decodeColour, decodeGrey } from '../images.js';
import { type Folder, listFolder, readBytes } from '../input-files.js';
import type { Layout } from '../layout.js';
import { readTextFile } from '../lines.js';
import { parseNpy } from '../npy.js';
import { parseNumbers } from '../numbers.js';
import { quaternionPose } from '../quaternion-pose.js';
import type { BadEntry, FrameEntry, Recording } from '../recording.js';
import { stampDigest, stampsOf } from '../stamps.js';
import { atWorkingSize, LabelTable } from '../working-frame.js';
import { type OdometryRow, parseOdometry } from './odometry.js';
import { hasFfmpeg, VideoFrames } from './video-frames.js';

const CAMERA = 'camera_matrix.csv';
const ODOMETRY = 'odometry.csv';
const VIDEO = 'rgb.mp4';
const COLOUR = 'rgb';
const DEPTH = 'depth';
const CONFIDENCE = 'confidence';

/** The app's video, which its camera matrix is for. */
const VIDEO_SIZE: Size = { width: 1920, height: 1440 };

const NUMBERED = /^0*(\d+)\.(jpg|jpeg|png|npy)$/i;

/**
 * A recording of the Stray Scanner app for iOS: `camera_matrix.csv`, `odometry.csv` (time, position and quaternion of each frame,
 * camera to world, metres, the app having turned ARKit's axes to OpenCV's), `depth/000000.png` in millimetres, 0 = none (older
 * versions: `.npy`), `confidence/000000.png` of 0 to 2, and the colour in `rgb.mp4`, which takes the system's ffmpeg to read, or
 * already taken out of it as `rgb/000000.jpg` (or .png). Depth of the least confidence is dropped. No labels.
 */
export const strayLayout: Layout = {
  name: 'stray',
  needs: `${CAMERA}, ${ODOMETRY}, ${DEPTH}/, and ${VIDEO} or ${COLOUR}/`,
  matches: ({ files, folders }) =>
    files.includes(CAMERA) && files.includes(ODOMETRY) && folders.includes(DEPTH),
  open,
};

/** Where a frame's parts are, relative to the recording. */
interface Listed {
  readonly row: OdometryRow;
  readonly number: number;
  readonly depth: string;
  readonly confidence: string | undefined;
  /** Undefined where it is in the video. */
  readonly colour: string | undefined;
}

async function open(path: string, root: Folder): Promise<Recording> {
  const scene = basename(path);
  const camera = await inSentence(path, readCameraMatrix(path));
  const { rows, bad: badRows } = await inSentence(
    path,
    readTextFile(path, ODOMETRY).then((text) => parseOdometry(text, ODOMETRY)),
  );
  const depths = await numbered(path, DEPTH);
  const confidences = root.folders.includes(CONFIDENCE) ? await numbered(path, CONFIDENCE) : new Map();
  const colours = root.folders.includes(COLOUR) ? await numbered(path, COLOUR) : new Map<number, string>();
  if (colours.size === 0) await requireVideo(path, root);
  const video = colours.size === 0 ? new VideoFrames(join(path, VIDEO), VIDEO) : undefined;

  const bad: BadEntry[] = badRows.map(({ line, reason }) => ({
    scene,
    id: `line ${line}`,
    file: `${ODOMETRY}, line ${line}`,
    reason,
  }));
  const listed = new Map<string, Listed>();
  const entries: FrameEntry[] = [];
  const shared = await stampsOf(path, [CAMERA, ...(video === undefined ? [] : [VIDEO])]);
  for (const [number, row] of rows) {
    const id = `${number}`.padStart(6, '0');
    const depth = depths.get(number);
    const colour = colours.get(number);
    try {
      if (depth === undefined) throw new BadFrameError(`${DEPTH}/${id}.png`, 'missing');
      if (video === undefined && colour === undefined) {
        throw new BadFrameError(`${COLOUR}/${id}.jpg`, 'missing (.png would do)');
      }
      const pose = quaternionPose(row.pose, `${ODOMETRY}, line ${row.line}`);
      const confidence = confidences.get(number);
      const own = await stampsOf(path, [
        depth,
        ...(colour ? [colour] : []),
        ...(confidence ? [confidence] : []),
      ]);
      const fingerprint = stampDigest(
        `${own}${shared}${pose.join(' ')} ${JSON.stringify(row.intrinsics ?? '')}`,
      );
      listed.set(id, { row, number, depth, confidence, colour });
      entries.push({ scene, id, labelled: false, fingerprint, labelFingerprint: '' });
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error;
      bad.push({ scene, id, file: error.file, reason: error.reason });
    }
  }
  if (entries.length === 0) {
    const [first] = bad;
    throw new UserError(
      first === undefined
        ? `${path} holds no frames: expected at least one.`
        : `${path} has no usable frame among the ${bad.length} found: ${first.file}: ${first.reason}.`,
    );
  }
  const labelTable = new LabelTable(0, () => undefined);
  const find = (entry: FrameEntry): Listed => {
    const frame = listed.get(entry.id);
    if (frame === undefined) throw new Error(`${frameName(entry)} is not a frame of ${path}`);
    return frame;
  };
  return {
    path,
    format: strayLayout.name,
    classes: [],
    frames: inOrder(entries),
    bad: inOrder(bad),
    read: (entry, size) => readFrame(path, entry, find(entry), camera, video, labelTable, size),
    readPose: async (entry) => {
      const { row } = find(entry);
      return quaternionPose(row.pose, `${ODOMETRY}, line ${row.line}`);
    },
    readTime: async (entry) => find(entry).row.time,
    superpixelFile: () => undefined,
  };
}

/** A fault of a file that all frames need, told as one of the recording. */
async function inSentence<T>(path: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof BadFrameError) throw new UserError(`${join(path, error.file)}: ${error.reason}.`);
    throw error;
  }
}

async function readCameraMatrix(path: string): Promise<Intrinsics> {
  const text = (await readTextFile(path, CAMERA)).replaceAll(',', ' ');
  const k = parseNumbers(text, CAMERA, 9, 'a 3×3 matrix');
  return requireIntrinsics({ fx: k[0], fy: k[4], cx: k[2], cy: k[5] }, CAMERA);
}

/** Files called by their frame's number, relative to the recording. */
async function numbered(path: string, folder: string): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const file of (await listFolder(join(path, folder))).files) {
    const number = NUMBERED.exec(file)?.[1];
    if (number !== undefined) found.set(Number(number), `${folder}/${file}`);
  }
  return found;
}

async function requireVideo(path: string, { files }: Folder): Promise<void> {
  if (!files.includes(VIDEO)) {
    throw new UserError(`${path} holds no colour: expected ${VIDEO}, or its frames as ${COLOUR}/000000.jpg.`);
  }
  if (await hasFfmpeg()) return;
  const command = `mkdir ${COLOUR} && ffmpeg -noautorotate -i ${VIDEO} -vf "setpts=N/(30*TB)" -r 30 -q:v 2 -start_number 0 ${COLOUR}/%06d.jpg`;
  throw new UserError(
    `${join(path, VIDEO)} takes ffmpeg to read, which is not on this system's path: expected it there, or the video's frames as ${COLOUR}/000000.jpg and so on (${command}).`,
  );
}

async function readFrame(
  path: string,
  { scene, id }: FrameEntry,
  { row, number, depth: depthFile, confidence: confidenceFile, colour: colourFile }: Listed,
  camera: Intrinsics,
  video: VideoFrames | undefined,
  labelTable: LabelTable,
  size: Size,
): Promise<Frame> {
  const bytesOf = (file: string) => readBytes(join(path, file), file);
  const depth = await decodeDepth(await bytesOf(depthFile), depthFile);
  if (confidenceFile !== undefined) {
    dropUncertain(
      depth,
      depthFile,
      await decodeGrey(await bytesOf(confidenceFile), confidenceFile),
      confidenceFile,
    );
  }
  const colourName = colourFile ?? `${VIDEO}, frame ${number}`;
  const colour =
    colourFile === undefined
      ? await video!.frame(number)
      : await decodeColour(await bytesOf(colourFile), colourFile);
  const intrinsics = row.intrinsics ?? camera;
  return atWorkingSize(
    {
      scene,
      id,
      timestamp: row.time,
      colour: { ...colour, file: colourName },
      depth: { ...depth, file: depthFile, scale: 1000, greatest: 65535 },
      intrinsics,
      calibratedAt: { ...calibratedSize(intrinsics, colour), file: CAMERA },
      cameraToWorld: quaternionPose(row.pose, `${ODOMETRY}, line ${row.line}`),
      label: undefined,
    },
    labelTable,
    size,
  );
}

/**
 * The size that intrinsics are for: the app's video, or the colour image where that is another, whichever has its middle nearer to
 * the principal point. Frames taken out of the video may have been made smaller; its intrinsics stay.
 */
function calibratedSize({ cx, cy }: Intrinsics, { width, height }: Size): Size {
  const distance = (size: Size) => Math.abs(cx / size.width - 0.5) + Math.abs(cy / size.height - 0.5);
  const own = { width, height };
  return distance(own) <= distance(VIDEO_SIZE) ? own : VIDEO_SIZE;
}

async function decodeDepth(bytes: Uint8Array, file: string): Promise<GreyImage> {
  if (parse(file).ext.toLowerCase() !== '.npy') return decodeGrey(bytes, file);
  const { shape, data, dtype } = parseNpy(bytes, file);
  if (shape.length !== 2 || !(data instanceof Uint16Array)) {
    throw new BadFrameError(file, `${dtype} values of shape (${shape.join(', ')}), expected an image of <u2`);
  }
  return { width: shape[1]!, height: shape[0]!, bits: 16, data };
}

/** Takes out depth that the device puts no trust in: confidence 0 of 0, 1 and 2 (ARKit's low, medium and high). */
function dropUncertain(depth: GreyImage, depthFile: string, confidence: GreyImage, file: string): void {
  if (confidence.width !== depth.width || confidence.height !== depth.height) {
    const found = `${confidence.width}×${confidence.height}`;
    throw new BadFrameError(file, `${found}, expected ${depth.width}×${depth.height} as ${depthFile}`);
  }
  for (let i = 0; i < depth.data.length; i++) if (confidence.data[i] === 0) depth.data[i] = 0;
}
