import { basename, join, parse } from 'node:path';
import { type DepthCamera, requireIntrinsics } from '../depth-camera.js';
import { type FileLayout, type FrameId, fileRecording, type Part } from '../file-recording.js';
import { type Folder, listFolder } from '../input-files.js';
import type { Layout } from '../layout.js';
import { readTextFile } from '../lines.js';
import { parseNumbers } from '../numbers.js';
import { NYU40_CLASSES } from '../viewal-layout.js';
import { foldersAbove, LABEL_FOLDERS, type LabelKind, labelClasses, labelKind, SCENE } from './labels.js';
import { sensLayout } from './sens-layout.js';
import { validationFrames } from './splits.js';

/** What ScanNet's exporter writes (`intrinsic/`), and where its 25 000 exported frames have it. */
const INTRINSICS = ['intrinsic/intrinsic_depth.txt', 'intrinsics_depth.txt', 'intrinsic_depth.txt'];
const FOLDERS = ['color', 'depth', 'pose'] as const;

const ENDINGS: Readonly<Record<Part, readonly string[]>> = {
  colour: ['jpg', 'jpeg', 'png'],
  depth: ['png', 'pgm'],
  pose: ['txt'],
  label: ['png'],
  superpixels: [],
};

const isExported = ({ files, folders }: Folder) =>
  FOLDERS.every((name) => folders.includes(name)) &&
  (folders.includes('intrinsic') || INTRINSICS.some((file) => files.includes(file)));

/**
 * ScanNet as exported from `.sens` files by its own tools: a folder a scan with `color/N.jpg`, `depth/N.png`, `pose/N.txt`,
 * `intrinsic/intrinsic_depth.txt` and, as there are, `label-filt/N.png` or `label/N.png`; or a folder of such scans
 * (`scene0000_00/`). Depth in millimetres, 0 = none; poses 4×4 camera to world, metres, OpenCV axes, of the depth camera. Labels of
 * 8 bits are NYU40 ids, labels of 16 bits ScanNet's own, which `scannetv2-labels.combined.tsv` translates; classes are the 40 of
 * NYU40. `scannetv2_val.txt` beside the scans, or above them, names the validation scenes.
 */
export const scannetLayout: Layout = {
  name: 'scannet',
  needs: `folders color/, depth/, pose/ and ${INTRINSICS[0]}, or folders such as scene0000_00/ with them`,
  matches: (root) => isExported(root) || root.folders.some((folder) => SCENE.test(folder)),
  async open(path, root, options) {
    const layout = await describe(path, root);
    // Scans look the same from above, exported or not.
    if (layout.frames.length === 0) return sensLayout.open(path, root, options);
    return fileRecording({
      ...layout,
      validationList: await validationFrames(foldersAbove(path), layout.frames),
    });
  },
};

async function describe(path: string, root: Folder): Promise<FileLayout> {
  /** Path prefix of each scene's files. */
  const prefixes = new Map<string, string>();
  const cameras = new Map<string, string>();
  const labelFolders = new Map<string, string>();
  const present = new Set<string>();
  const frames: FrameId[] = [];
  const kinds = new Map<LabelKind, string>();
  const add = async (scene: string, prefix: string, { files, folders }: Folder): Promise<void> => {
    prefixes.set(scene, prefix);
    const ids = new Set<string>();
    for (const folder of FOLDERS) {
      if (!folders.includes(folder)) continue;
      const listed = await listFolder(join(path, prefix, folder));
      // A folder in the place of a file is listed too: its frame is bad, not absent.
      for (const file of [...listed.files, ...listed.folders]) {
        ids.add(parse(file).name);
        present.add(`${prefix}${folder}/${file}`);
      }
    }
    const inFolder = folders.includes('intrinsic')
      ? (await listFolder(join(path, prefix, 'intrinsic'))).files
      : [];
    const camera = INTRINSICS.find((name) =>
      [...files, ...inFolder.map((file) => `intrinsic/${file}`)].includes(name),
    );
    cameras.set(scene, prefix + (camera ?? INTRINSICS[0]));
    for (const id of ids) frames.push({ scene, id });
    const labelFolder = LABEL_FOLDERS.find((name) => folders.includes(name));
    if (labelFolder === undefined) return;
    const labels = (await listFolder(join(path, prefix, labelFolder))).files.filter(
      (file) => file.endsWith('.png') && ids.has(parse(file).name),
    );
    if (labels.length > 0) labelFolders.set(scene, labelFolder);
    for (const file of labels) present.add(`${prefix}${labelFolder}/${file}`);
    const found = await labelKind(
      path,
      labels.map((file) => `${prefix}${labelFolder}/${file}`),
    );
    if (found !== undefined) kinds.set(...found);
  };
  if (isExported(root)) await add(basename(path), '', root);
  else
    for (const folder of root.folders) {
      if (SCENE.test(folder)) await add(folder, `${folder}/`, await listFolder(join(path, folder)));
    }
  return {
    path,
    format: scannetLayout.name,
    classes: labelFolders.size > 0 ? NYU40_CLASSES : [],
    frames,
    present,
    fileNames(part, { scene, id }) {
      const prefix = prefixes.get(scene)!;
      const folder = {
        colour: 'color',
        depth: 'depth',
        pose: 'pose',
        label: labelFolders.get(scene),
        superpixels: undefined,
      }[part];
      return folder === undefined ? [] : ENDINGS[part].map((ending) => `${prefix}${folder}/${id}.${ending}`);
    },
    camera: (scene) => cameraOf(path, cameras.get(scene)!),
    classOf: await labelClasses(kinds, foldersAbove(path)),
  };
}

async function cameraOf(path: string, file: string): Promise<DepthCamera> {
  const k = parseNumbers(await readTextFile(path, file), file, 16, 'a 4×4 matrix');
  return {
    intrinsics: requireIntrinsics({ fx: k[0], fy: k[5], cx: k[2], cy: k[6] }, file),
    depthScale: 1000,
    greatestDepth: 65535,
    files: [file],
  };
}
