import { basename, join, resolve, sep } from 'node:path';
import { BadFrameError, UserError } from '../../errors.js';
import type { DepthCamera } from '../depth-camera.js';
import {
  type FileLayout,
  type FrameId,
  fileRecording,
  type Part,
  type ScenePoses,
} from '../file-recording.js';
import { type Folder, listFolder } from '../input-files.js';
import type { Layout } from '../layout.js';
import type { Recording } from '../recording.js';
import { NYU13_CLASSES } from './classes.js';
import {
  listTrajectories,
  readTrajectory,
  type Trajectory,
  type TrajectoryList,
  type TrajectoryPlace,
} from './trajectories.js';

const PROTOBUF = /^scenenet.*\.pb$/i;
/** What the data set's archive of training protobufs unpacks to. */
const PROTOBUFS = 'train_protobufs';

/**
 * The renderer's: 60° across and 45° down over 320×240, through pixels' middles ((x + ½)/320, as calculate_surface_normals.py of the
 * data set's tools has it).
 */
const CAMERA: DepthCamera = {
  intrinsics: {
    fx: 160 / Math.tan(Math.PI / 6),
    fy: 120 / Math.tan(Math.PI / 8),
    cx: 159.5,
    cy: 119.5,
  },
  size: { width: 320, height: 240 },
  depthScale: 1000,
  greatestDepth: 65535,
  alongRay: true,
  files: [],
};

/** Folder and ending of each part's images. */
const FILES: Readonly<Partial<Record<Part, readonly [folder: string, ending: string]>>> = {
  colour: ['photo', 'jpg'],
  depth: ['depth', 'png'],
  label: ['instance', 'png'],
};
const IMAGE = /^(\d+)\.(?:jpg|png)$/;

/**
 * SceneNet RGB-D as it unpacks: `train/0/223/photo/25.jpg`, `depth/25.png` and `instance/25.png`, at whatever depth below the folder
 * given, and the trajectories in `scenenet_rgbd_train_0.pb` or `scenenet_rgbd_val.pb`, there or in `train_protobufs/`. A scene per
 * trajectory, called after its folder: `train_0_223`. Depth in mm along the ray, 0 = none; poses look from camera to lookat with y up,
 * in the middle of the exposure; labels are NYU13 classes by the instances' WordNet ids, background is unlabelled.
 */
export const scenenet: Layout = {
  name: 'scenenet',
  needs: `scenenet_rgbd_train_0.pb or scenenet_rgbd_val.pb, and folders such as train/0/223/ with photo/, depth/ and instance/`,
  matches: ({ files, folders }) => files.some((file) => PROTOBUF.test(file)) || folders.includes(PROTOBUFS),
  open: openTrajectories,
};

async function openTrajectories(path: string, root: Folder): Promise<Recording> {
  const found: Found = { protobufs: [], scenes: new Map(), present: new Set(), frames: [] };
  await walk(path, '', root, 0, found);
  if (found.protobufs.length === 0)
    throw new UserError(`${path} holds no trajectories: expected ${scenenet.needs}.`);
  const sources = await Promise.all(found.protobufs.map((file) => sourceOf(path, file)));
  /** One read of each, kept: its poses and classes take some 20 kB. */
  const trajectories = new Map<string, Promise<SceneTrajectory>>();
  const trajectoryOf = (scene: string): Promise<SceneTrajectory> => {
    const known = trajectories.get(scene) ?? readScene(path, found.scenes.get(scene)!, sources);
    trajectories.set(scene, known);
    return known;
  };
  const fileName = (part: Part, { scene, id }: FrameId): string | undefined => {
    const kind = FILES[part];
    return kind && `${found.scenes.get(scene)}${kind[0]}/${id}.${kind[1]}`;
  };
  const layout: FileLayout = {
    path,
    format: scenenet.name,
    classes: NYU13_CLASSES,
    frames: found.frames,
    present: found.present,
    fileNames: (part, frame) => {
      const name = fileName(part, frame);
      return name === undefined ? [] : [name];
    },
    camera: async () => CAMERA,
    async poses(scene): Promise<ScenePoses> {
      const { file, trajectory } = await trajectoryOf(scene);
      return {
        file,
        pose: (id) => trajectory.pose(Number(id)),
        time: (id) => trajectory.time(Number(id)),
        // Instances stand for other classes in each scene.
        classOf: (instance) => trajectory.classOf(instance),
      };
    },
    hasClock: true,
    classOf: () => undefined,
  };
  return fileRecording(layout);
}

interface Found {
  /** Relative to the recording. */
  readonly protobufs: string[];
  /** Path prefix of each scene's folders. */
  readonly scenes: Map<string, string>;
  readonly present: Set<string>;
  readonly frames: FrameId[];
}

/** `train/0/223` lies three folders deep. */
const DEEPEST = 3;

/** @param prefix the folder's path from the recording, with a slash at its end */
async function walk(
  path: string,
  prefix: string,
  folder: Folder,
  depth: number,
  found: Found,
): Promise<void> {
  found.protobufs.push(...folder.files.filter((file) => PROTOBUF.test(file)).map((file) => prefix + file));
  if (folder.folders.includes('photo') && folder.folders.includes('depth')) {
    await addScene(path, prefix, folder, found);
  } else if (depth < DEEPEST) {
    for (const name of folder.folders) {
      const below = `${prefix}${name}/`;
      await walk(path, below, await listFolder(join(path, below)), depth + 1, found);
    }
  }
}

async function addScene(path: string, prefix: string, { folders }: Folder, found: Found): Promise<void> {
  const scene = prefix === '' ? basename(path) : prefix.slice(0, -1).replaceAll('/', '_');
  found.scenes.set(scene, prefix);
  const ids = new Set<string>();
  for (const [folder, ending] of Object.values(FILES)) {
    if (!folders.includes(folder)) continue;
    const listed = await listFolder(join(path, prefix, folder));
    // A folder in the place of a file is listed too: its frame is bad, not absent.
    for (const file of [...listed.files, ...listed.folders]) {
      const id = file.endsWith(ending) ? IMAGE.exec(file)?.[1] : undefined;
      if (id === undefined) continue;
      found.present.add(`${prefix}${folder}/${file}`);
      if (folder !== 'instance') ids.add(id);
    }
  }
  for (const id of ids) found.frames.push({ scene, id });
}

/** A file of trajectories. */
interface Source {
  readonly file: string;
  readonly list: TrajectoryList;
}

/** An unreadable one costs the scenes that are in it. */
async function sourceOf(path: string, file: string): Promise<Source> {
  try {
    return { file, list: await listTrajectories(join(path, file), file) };
  } catch (error) {
    if (!(error instanceof BadFrameError)) throw error;
    return { file, list: { places: new Map(), damage: error.reason } };
  }
}

interface SceneTrajectory {
  /** Relative to the recording. */
  readonly file: string;
  readonly trajectory: Trajectory;
}

/** @throws BadFrameError where no file holds the scene's trajectory */
async function readScene(path: string, prefix: string, sources: readonly Source[]): Promise<SceneTrajectory> {
  const parts = resolve(path, prefix).split(sep);
  const renderPath = parts.slice(-2).join('/');
  // Training and validation trajectories have the same folders below theirs.
  const split = parts.slice(0, -2).findLast((name) => name === 'train' || name === 'val');
  const ofSplit = sources.filter(({ file }) => split === undefined || splitOf(file) === split);
  for (const { file, list } of ofSplit) {
    const place: TrajectoryPlace | undefined = list.places.get(renderPath);
    if (place === undefined) continue;
    return { file, trajectory: await readTrajectory(join(path, file), file, place) };
  }
  const damaged = ofSplit.find(({ list }) => list.damage !== undefined);
  const file = damaged?.file ?? ofSplit[0]?.file ?? sources[0]!.file;
  const why = damaged === undefined ? '' : ` (${damaged.list.damage})`;
  throw new BadFrameError(file, `no trajectory of ${renderPath}${why}`);
}

function splitOf(file: string): string {
  return /val/i.test(basename(file)) ? 'val' : 'train';
}
