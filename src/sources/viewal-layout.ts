import { basename, join, parse } from 'node:path';
import { BadFrameError } from '../errors.js';
import { frameName, IGNORE } from '../frame.js';
import { type DepthCamera, requireIntrinsics } from './depth-camera.js';
import { type FileLayout, type FrameId, fileRecording, type Part } from './file-recording.js';
import { type Folder, listFolder, readBytes, readText } from './input-files.js';
import type { Layout } from './layout.js';
import { parseNumbers } from './numbers.js';

/** The 40 classes of NYU Depth v2, in the order of their ids from 1. */
export const NYU40_CLASSES: readonly string[] = [
  ...['wall', 'floor', 'cabinet', 'bed', 'chair', 'sofa', 'table', 'door', 'window', 'bookshelf'],
  ...[
    'picture',
    'counter',
    'blinds',
    'desk',
    'shelves',
    'curtain',
    'dresser',
    'pillow',
    'mirror',
    'floor mat',
  ],
  ...['clothes', 'ceiling', 'books', 'refrigerator', 'television', 'paper', 'towel', 'shower curtain', 'box'],
  ...['whiteboard', 'person', 'night stand', 'toilet', 'sink', 'lamp', 'bathtub', 'bag', 'other structure'],
  ...['other furniture', 'other prop'],
];

/** Folder and endings of each part. */
const FILES: Readonly<Record<Part, { folder: string; endings: readonly string[] }>> = {
  colour: { folder: 'color', endings: ['jpg', 'jpeg', 'png'] },
  depth: { folder: 'depth', endings: ['png', 'pgm'] },
  pose: { folder: 'pose', endings: ['txt'] },
  label: { folder: 'label', endings: ['png'] },
  superpixels: { folder: 'superpixel', endings: ['png', 'npy'] },
};

/** Frames the published code trains its first network on. */
const SEED_LIST = 'seedset_0_frames.txt';

/**
 * The layout of the published ViewAL code and of ScanNet prepared for it: a folder a kind, a file a frame called
 * `<scene>_<frame>`, and ScanNet's `info/<scene>.txt`. Depth in 1/m_depthShift metres, 0 = none; poses camera to
 * world, metres, OpenCV axes; labels NYU40 ids, of which 0 and those above 40 are ignored.
 */
export const viewalLayout: Layout = {
  name: 'viewal',
  needs: 'folders color/, depth/, pose/ and info/ with one file a frame',
  matches: ({ folders }) => ['color', 'depth', 'pose'].every((name) => folders.includes(name)),
  open: async (path, root) => fileRecording(await describe(path, root, listFolder)),
  listGrowing: describe,
};

async function describe(
  path: string,
  root: Folder,
  list: (path: string) => Promise<Folder>,
): Promise<FileLayout> {
  const present = new Set<string>();
  /** Frames by the name their files share. */
  const frames = new Map<string, FrameId>();
  for (const [part, { folder, endings }] of Object.entries(FILES)) {
    if (!root.folders.includes(folder)) continue;
    const { files, folders } = await list(join(path, folder));
    // A folder in the place of a file is listed too: its frame is bad, not absent.
    for (const file of [...files, ...folders]) {
      const { name, ext } = parse(file);
      if (!endings.includes(ext.slice(1))) continue;
      present.add(`${folder}/${file}`);
      if (NAMING.has(part)) frames.set(name, frameIdOf(name, basename(path)));
    }
  }
  const stems = new Map([...frames].map(([name, frame]) => [frameName(frame), name]));
  const hasLabels = [...present].some((file) => file.startsWith(`${FILES.label.folder}/`));
  return {
    path,
    format: viewalLayout.name,
    classes: hasLabels ? NYU40_CLASSES : [],
    frames: [...frames.values()],
    present,
    labelledList: root.files.includes(SEED_LIST) ? await seedList(path, frames) : undefined,
    fileNames(part, frame) {
      const { folder, endings } = FILES[part];
      return endings.map((ending) => `${folder}/${stems.get(frameName(frame))}.${ending}`);
    },
    camera: (scene) => infoCamera(path, scene),
    classOf: (stored) => (stored >= 1 && stored <= NYU40_CLASSES.length ? stored - 1 : IGNORE),
  };
}

/** A frame is there when one of these is. Label folders often hold more than the recording's frames. */
const NAMING: ReadonlySet<string> = new Set<Part>(['colour', 'depth', 'pose']);

/**
 * `scene0014_00_000070` is frame 000070 of scene0014_00. Names without a scene (`70`) belong to the scene that
 * the recording's folder is called after.
 */
function frameIdOf(name: string, folder: string): FrameId {
  const split = name.lastIndexOf('_');
  return split > 0 ? { scene: name.slice(0, split), id: name.slice(split + 1) } : { scene: folder, id: name };
}

/** Frames named by the seed list; a list cut from a bigger data set may name others, which are passed over. */
async function seedList(path: string, frames: ReadonlyMap<string, FrameId>): Promise<ReadonlySet<string>> {
  const lines = (await readText(path, SEED_LIST)).split('\n').map((line) => parse(line.trim()).name);
  return new Set(lines.flatMap((name) => frames.get(name) ?? []).map(frameName));
}

/** Reads the depth camera from ScanNet's `key = value` lines. */
async function infoCamera(path: string, scene: string): Promise<DepthCamera> {
  const file = `info/${scene}.txt`;
  const text = new TextDecoder().decode(await readBytes(join(path, file), file));
  const values = new Map(
    text.split('\n').map((line) => {
      const [key = '', value = ''] = line.split('=', 2);
      return [key.trim(), value.trim()];
    }),
  );
  const positive = (key: string): number => {
    const value = Number(values.get(key));
    if (value > 0 && Number.isFinite(value)) return value;
    const found = values.has(key) ? `is "${values.get(key)}"` : 'is missing';
    throw new BadFrameError(file, `${key} ${found}, expected a number above 0`);
  };
  const matrix = values.get('m_calibrationDepthIntrinsic');
  if (matrix === undefined) throw new BadFrameError(file, 'no m_calibrationDepthIntrinsic');
  const k = parseNumbers(matrix, file, 16, 'm_calibrationDepthIntrinsic, a 4×4 matrix');
  return {
    intrinsics: requireIntrinsics({ fx: k[0], fy: k[5], cx: k[2], cy: k[6] }, file),
    size: { width: positive('m_depthWidth'), height: positive('m_depthHeight') },
    depthScale: positive('m_depthShift'),
    greatestDepth: 65535,
    files: [file],
  };
}
