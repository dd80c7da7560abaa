import { basename, join } from 'node:path';
import { type DepthCamera, requireIntrinsics } from './depth-camera.js';
import { type FileLayout, type FrameId, fileRecording, type Part } from './file-recording.js';
import { type Folder, listFolder, readBytes } from './input-files.js';
import type { Layout } from './layout.js';
import { parseNumbers } from './numbers.js';

const FRAME_FILE = /^frame-(\d+)\.(?:color\.(?:jpg|png)|depth\.png|pose\.txt)$/;
const SEQUENCE = /^seq-\d+$/;
const INTRINSICS = 'camera-intrinsics.txt';

/** The data set states these for all its sequences: its depth camera was not calibrated. */
const STATED_CAMERA: DepthCamera = {
  intrinsics: { fx: 585, fy: 585, cx: 320, cy: 240 },
  size: { width: 640, height: 480 },
  depthScale: 1000,
  greatestDepth: 65534,
  files: [],
};

const ENDINGS: Readonly<Record<Part, readonly string[]>> = {
  colour: ['color.png', 'color.jpg'],
  depth: ['depth.png'],
  pose: ['pose.txt'],
  label: [],
  superpixels: [],
};

/**
 * The layout of Microsoft's 7-Scenes: `frame-000000.{color.png,depth.png,pose.txt}`, a scene per `seq-01` folder,
 * or the folder itself as the one scene. Depth in mm, 0 and 65535 = none; poses camera to world, metres, OpenCV
 * axes; no labels. A 3×3 `camera-intrinsics.txt`, at the depth images' size, beside the frames or the sequences
 * overrides the stated camera.
 */
export const sevenScenes: Layout = {
  name: '7scenes',
  needs:
    'files frame-000000.color.png (or .jpg), frame-000000.depth.png and frame-000000.pose.txt, here or in seq-01/',
  matches: ({ files, folders }) =>
    files.some((file) => FRAME_FILE.test(file)) || folders.some((folder) => SEQUENCE.test(folder)),
  open: async (path, root) => fileRecording(await describe(path, root, listFolder)),
  listGrowing: describe,
};

async function describe(
  path: string,
  root: Folder,
  list: (path: string) => Promise<Folder>,
): Promise<FileLayout> {
  const sequences = root.folders.filter((folder) => SEQUENCE.test(folder));
  /** Path prefix of each scene's files. */
  const prefixes = new Map<string, string>();
  const present = new Set<string>();
  const frames: FrameId[] = [];
  const add = (scene: string, prefix: string, { files, folders }: Folder): void => {
    prefixes.set(scene, prefix);
    const ids = new Set<string>();
    // A folder in the place of a file is listed too: its frame is bad, not absent.
    for (const file of [...files, ...folders]) {
      present.add(prefix + file);
      const id = FRAME_FILE.exec(file)?.[1];
      if (id !== undefined) ids.add(id);
    }
    for (const id of ids) frames.push({ scene, id });
  };
  if (sequences.length === 0) add(basename(path), '', root);
  else if (root.files.includes(INTRINSICS)) present.add(INTRINSICS);
  for (const folder of sequences) add(folder, `${folder}/`, await list(join(path, folder)));

  return {
    path,
    format: sevenScenes.name,
    classes: [],
    frames,
    present,
    fileNames: (part, { scene, id }) =>
      ENDINGS[part].map((ending) => `${prefixes.get(scene)}frame-${id}.${ending}`),
    async camera(scene) {
      const file = [prefixes.get(scene) + INTRINSICS, INTRINSICS].find((name) => present.has(name));
      return file === undefined ? STATED_CAMERA : matrixCamera(path, file);
    },
    classOf: () => undefined,
  };
}

async function matrixCamera(path: string, file: string): Promise<DepthCamera> {
  const text = new TextDecoder().decode(await readBytes(join(path, file), file));
  const k = parseNumbers(text, file, 9, 'a 3×3 matrix');
  const intrinsics = requireIntrinsics({ fx: k[0], fy: k[4], cx: k[2], cy: k[5] }, file);
  return { ...STATED_CAMERA, intrinsics, size: undefined, files: [file] };
}
