import { basename, join } from 'node:path';
import { BadFrameError, UserError } from '../errors.js';
import { staysInside } from '../files.js';
import type { Intrinsics } from '../frame.js';
import { type DepthCamera, requireIntrinsics } from './depth-camera.js';
import { type FileLayout, type FrameId, fileRecording, type ScenePoses } from './file-recording.js';
import { type Folder, listFolder } from './input-files.js';
import type { Layout } from './layout.js';
import { readLines } from './lines.js';
import { parseNumbers } from './numbers.js';
import { quaternionPose } from './quaternion-pose.js';
import type { BadEntry } from './recording.js';

const COLOUR_LIST = 'rgb.txt';
const DEPTH_LIST = 'depth.txt';
const POSE_LIST = 'groundtruth.txt';
const LISTS = [COLOUR_LIST, DEPTH_LIST, POSE_LIST] as const;
/** ETH3D's SLAM benchmark has the first beside lists of this form: fx fy cx cy. */
const CALIBRATIONS = ['calibration.txt', 'camera.txt'] as const;

const SEQUENCE = /^rgbd_dataset_freiburg\d/;

/** Longest time between what is put together, seconds: the default of the benchmark's own tools. */
const LONGEST_GAP = 0.02;

/** The benchmark's calibration of its three colour cameras, to which its depth is registered, at 640×480. */
const CALIBRATED: Readonly<Record<string, Intrinsics>> = {
  1: { fx: 517.3, fy: 516.5, cx: 318.6, cy: 255.3 },
  2: { fx: 520.9, fy: 521, cx: 325.1, cy: 249.7 },
  3: { fx: 535.4, fy: 539.2, cx: 320.1, cy: 247.6 },
};
/** What it gives for a Kinect that nobody has calibrated. */
const UNCALIBRATED: Intrinsics = { fx: 525, fy: 525, cx: 319.5, cy: 239.5 };

/**
 * The layout of the TUM RGB-D benchmark and of others that follow it: `rgb.txt` and `depth.txt` list images by time,
 * `groundtruth.txt` poses (`time tx ty tz qx qy qz qw`, camera to world, metres, OpenCV axes). A frame is a colour image with the
 * depth nearest in time, each used once, and the pose nearest to the depth, none more than 0.02 s away. Depth in 1/5000 m, 0 = none.
 * The intrinsics are those of `calibration.txt` or `camera.txt` (`fx fy cx cy`, for the depth images' own size), else the
 * benchmark's for its cameras, by the folder's name (`freiburg1`), else those of an uncalibrated Kinect.
 */
export const tum: Layout = {
  name: 'tum',
  needs: `${LISTS.join(', ')}, or folders such as rgbd_dataset_freiburg1_desk with them`,
  matches: ({ files, folders }) =>
    LISTS.every((list) => files.includes(list)) || folders.some((folder) => SEQUENCE.test(folder)),
  open: async (path, root) => fileRecording(await describe(path, root)),
};

/** A time and what was taken then, off a list. */
interface Listed {
  readonly time: number;
  /** The time as the list has it, which is the frame's id. */
  readonly stamp: string;
  readonly file: string;
}

interface Pair {
  readonly colour: Listed;
  readonly depth: Listed;
}

async function describe(path: string, root: Folder): Promise<FileLayout> {
  const isOne = root.files.includes(COLOUR_LIST);
  const sequences = isOne ? [''] : root.folders.filter((folder) => SEQUENCE.test(folder));
  const pairs = new Map<string, ReadonlyMap<string, Pair>>();
  const folders = new Map<string, string>();
  const calibrations = new Map<string, string | undefined>();
  const frames: FrameId[] = [];
  const unusable: BadEntry[] = [];
  const present = new Set<string>();
  for (const folder of sequences) {
    const scene = folder === '' ? basename(path) : folder;
    const prefix = folder === '' ? '' : `${folder}/`;
    const { files } = isOne ? root : await listFolder(join(path, folder));
    const calibration = CALIBRATIONS.find((name) => files.includes(name));
    folders.set(scene, prefix);
    calibrations.set(scene, calibration && prefix + calibration);
    const paired = await listPairs(path, prefix);
    pairs.set(scene, paired.pairs);
    for (const bad of paired.unusable) unusable.push({ scene, ...bad });
    for (const [id, { colour, depth }] of paired.pairs) {
      frames.push({ scene, id });
      present.add(colour.file).add(depth.file);
    }
  }
  const pairOf = ({ scene, id }: FrameId) => pairs.get(scene)!.get(id)!;
  return {
    path,
    format: tum.name,
    classes: [],
    frames,
    unusable,
    present,
    hasClock: true,
    colourDelay: (frame) => pairOf(frame).colour.time - pairOf(frame).depth.time,
    fileNames: (part, frame) => (part === 'colour' || part === 'depth' ? [pairOf(frame)[part].file] : []),
    camera: (scene) => cameraOf(path, scene, calibrations.get(scene)),
    poses: (scene) => listPoses(path, folders.get(scene)! + POSE_LIST, pairs.get(scene)!),
    classOf: () => undefined,
  };
}

/** @throws UserError where a list cannot be read */
async function listPairs(path: string, prefix: string) {
  const unusable: Omit<BadEntry, 'scene'>[] = [];
  const read = async (list: string): Promise<Listed[]> => {
    const { listed, bad } = await readList(path, prefix, list);
    unusable.push(...bad);
    return listed;
  };
  const colours = await read(COLOUR_LIST);
  const depths = await read(DEPTH_LIST);
  const partners = associate(colours, depths);
  const pairs = new Map<string, Pair>();
  colours.forEach((colour, i) => {
    const depth = partners.get(i);
    if (depth !== undefined && !pairs.has(colour.stamp))
      pairs.set(colour.stamp, { colour, depth: depths[depth]! });
    else {
      const reason =
        depth === undefined ? `no depth image within ${LONGEST_GAP} s` : 'a second image at this time';
      unusable.push({ id: colour.stamp, file: colour.file, reason });
    }
  });
  return { pairs, unusable };
}

/** A list of images, by time. A line that is damaged costs its own image. */
async function readList(path: string, prefix: string, list: string) {
  const name = prefix + list;
  const listed: Listed[] = [];
  const bad: Omit<BadEntry, 'scene'>[] = [];
  const lines = await readLines(path, name).catch((error: unknown) => {
    if (error instanceof BadFrameError) throw new UserError(`${join(path, error.file)}: ${error.reason}.`);
    throw error;
  });
  for (const { number, text } of lines) {
    const [, stamp = '', file = ''] = /^(\S+)\s+(\S.*)$/.exec(text) ?? [];
    const time = Number(stamp);
    const where = `${name}, line ${number}`;
    if (stamp === '' || !Number.isFinite(time)) {
      bad.push({
        id: stamp || `line ${number}`,
        file: where,
        reason: `"${text.slice(0, 40)}", expected a time and a file`,
      });
    } else if (!staysInside(file)) {
      bad.push({ id: stamp, file: where, reason: `${file.slice(0, 60)} lies outside the recording` });
    } else listed.push({ time, stamp, file: prefix + file });
  }
  return { listed: listed.sort((a, b) => a.time - b.time), bad };
}

/**
 * Pairs times with times: the nearest pair first, each time in one pair at most, none further apart than `LONGEST_GAP`.
 * @param from ascending
 * @param to ascending
 * @returns indices of `to` by those of `from`
 */
function associate(from: readonly Listed[], to: readonly Listed[]): Map<number, number> {
  const candidates: [gap: number, i: number, j: number][] = [];
  from.forEach(({ time }, i) => {
    const after = firstFrom(to, time);
    // The nearest on each side, and one further in case another takes it.
    for (let j = Math.max(0, after - 2); j < Math.min(to.length, after + 2); j++) {
      const gap = Math.abs(to[j]!.time - time);
      if (gap <= LONGEST_GAP) candidates.push([gap, i, j]);
    }
  });
  candidates.sort(([a, i], [b, k]) => a - b || i - k);
  const partners = new Map<number, number>();
  const taken = new Set<number>();
  for (const [, i, j] of candidates) {
    if (partners.has(i) || taken.has(j)) continue;
    partners.set(i, j);
    taken.add(j);
  }
  return partners;
}

/** Index of the first at `time` or later. */
function firstFrom(listed: readonly { readonly time: number }[], time: number): number {
  let low = 0;
  let high = listed.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (listed[middle]!.time < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function listPoses(path: string, file: string, pairs: ReadonlyMap<string, Pair>): Promise<ScenePoses> {
  const poses: { time: number; line: number; text: string }[] = [];
  for (const { number, text } of await readLines(path, file)) {
    const time = Number.parseFloat(text);
    if (Number.isFinite(time)) poses.push({ time, line: number, text });
  }
  poses.sort((a, b) => a.time - b.time);
  return {
    file,
    pose(id) {
      const { time } = pairs.get(id)!.depth;
      const after = firstFrom(poses, time);
      const [before, next] = [poses[after - 1], poses[after]];
      const nearest =
        next === undefined || (before !== undefined && time - before.time < next.time - time) ? before : next;
      if (nearest === undefined || Math.abs(nearest.time - time) > LONGEST_GAP) {
        throw new BadFrameError(file, `no pose within ${LONGEST_GAP} s of the depth image`);
      }
      const where = `${file}, line ${nearest.line}`;
      return quaternionPose(
        parseNumbers(nearest.text, where, 8, 'time tx ty tz qx qy qz qw').subarray(1),
        where,
      );
    },
    time: (id) => pairs.get(id)!.depth.time,
  };
}

async function cameraOf(path: string, scene: string, calibration: string | undefined): Promise<DepthCamera> {
  const camera = { depthScale: 5000, greatestDepth: 65535 };
  if (calibration !== undefined) {
    const [line] = await readLines(path, calibration);
    const k = parseNumbers(line?.text ?? '', calibration, 4, 'fx fy cx cy');
    const intrinsics = requireIntrinsics({ fx: k[0], fy: k[1], cx: k[2], cy: k[3] }, calibration);
    return { ...camera, intrinsics, files: [calibration] };
  }
  const number = /(?:freiburg|^fr)([123])/.exec(scene)?.[1];
  const intrinsics = number === undefined ? UNCALIBRATED : CALIBRATED[number]!;
  return { ...camera, intrinsics, size: { width: 640, height: 480 }, files: [] };
}
