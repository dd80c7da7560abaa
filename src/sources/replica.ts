import { basename, join } from 'node:path';
import { z } from 'zod';
import { BadFrameError } from '../errors.js';
import { type DepthCamera, requireIntrinsics } from './depth-camera.js';
import { type FileLayout, type FrameId, fileRecording, type ScenePoses } from './file-recording.js';
import { type Folder, listFolder } from './input-files.js';
import type { Layout } from './layout.js';
import { readLines, readTextFile } from './lines.js';
import { parsePose } from './pose.js';
import { parseJson } from './settings.js';

const TRAJECTORY = 'traj.txt';
const IMAGES = 'results';
const CAMERA = 'cam_params.json';
const IMAGE = /^(?:frame(\d+)\.(?:jpg|jpeg|png)|depth(\d+)\.png)$/;

/** NICE-SLAM's own settings for the data set. */
const STATED_CAMERA: DepthCamera = {
  intrinsics: { fx: 600, fy: 600, cx: 599.5, cy: 339.5 },
  size: { width: 1200, height: 680 },
  depthScale: 6553.5,
  greatestDepth: 65535,
  files: [],
};

const POSITIVE = 'a number above 0';
const positive = z.number(POSITIVE).positive(POSITIVE);
const cameraSchema = z.object(
  {
    camera: z.object(
      {
        w: positive,
        h: positive,
        fx: positive,
        fy: positive,
        cx: z.number(),
        cy: z.number(),
        scale: positive,
      },
      'an object with w, h, fx, fy, cx, cy and scale',
    ),
  },
  'an object',
);

/**
 * Replica as rendered for NICE-SLAM: `results/frame000000.jpg` and `depth000000.png`, and `traj.txt` with a line for each frame, by
 * its number: 16 numbers, camera to world row by row, metres, OpenCV axes. Depth in 1/6553.5 m, 0 = none. A folder of such scenes
 * with `cam_params.json` is read whole; that file, there or in a scene, overrides the camera of NICE-SLAM's settings. No labels.
 */
export const replica: Layout = {
  name: 'replica',
  needs: `${TRAJECTORY} and ${IMAGES}/ with frame000000.jpg and depth000000.png, or ${CAMERA} and such folders`,
  matches: ({ files, folders }) =>
    (files.includes(TRAJECTORY) && folders.includes(IMAGES)) ||
    (files.includes(CAMERA) && folders.length > 0),
  open: async (path, root) => fileRecording(await describe(path, root)),
};

async function describe(path: string, root: Folder): Promise<FileLayout> {
  /** Path prefix of each scene's files. */
  const prefixes = new Map<string, string>();
  const cameras = new Map<string, string | undefined>();
  const present = new Set<string>();
  const frames: FrameId[] = [];
  const rootCamera = root.files.includes(CAMERA) ? CAMERA : undefined;
  const add = async (scene: string, prefix: string, { files, folders }: Folder): Promise<void> => {
    if (!files.includes(TRAJECTORY) || !folders.includes(IMAGES)) return;
    prefixes.set(scene, prefix);
    cameras.set(scene, files.includes(CAMERA) ? prefix + CAMERA : rootCamera);
    const ids = new Set<string>();
    for (const file of (await listFolder(join(path, prefix, IMAGES))).files) {
      const [, colour, depth] = IMAGE.exec(file) ?? [];
      const id = colour ?? depth;
      if (id === undefined) continue;
      ids.add(id);
      present.add(`${prefix}${IMAGES}/${file}`);
    }
    for (const id of ids) frames.push({ scene, id });
  };
  await add(basename(path), '', root);
  if (prefixes.size === 0)
    for (const folder of root.folders) await add(folder, `${folder}/`, await listFolder(join(path, folder)));

  return {
    path,
    format: replica.name,
    classes: [],
    frames,
    present,
    fileNames(part, { scene, id }) {
      const prefix = `${prefixes.get(scene)}${IMAGES}/`;
      if (part === 'colour') return ['jpg', 'jpeg', 'png'].map((ending) => `${prefix}frame${id}.${ending}`);
      return part === 'depth' ? [`${prefix}depth${id}.png`] : [];
    },
    camera: (scene) => cameraOf(path, cameras.get(scene)),
    poses: (scene) => listPoses(path, prefixes.get(scene) + TRAJECTORY),
    classOf: () => undefined,
  };
}

async function listPoses(path: string, file: string): Promise<ScenePoses> {
  const lines = await readLines(path, file);
  return {
    file,
    pose(id) {
      const line = lines[Number(id)];
      if (line === undefined) throw new BadFrameError(file, `${lines.length} poses, none for frame ${id}`);
      return parsePose(line.text, `${file}, line ${line.number}`);
    },
  };
}

async function cameraOf(path: string, file: string | undefined): Promise<DepthCamera> {
  if (file === undefined) return STATED_CAMERA;
  const text = await readTextFile(path, file);
  try {
    const { w, h, fx, fy, cx, cy, scale } = parseJson(text, cameraSchema).camera;
    const intrinsics = requireIntrinsics({ fx, fy, cx, cy }, file);
    return { ...STATED_CAMERA, intrinsics, size: { width: w, height: h }, depthScale: scale, files: [file] };
  } catch (error) {
    if (error instanceof BadFrameError) throw error;
    throw new BadFrameError(file, (error as Error).message);
  }
}
