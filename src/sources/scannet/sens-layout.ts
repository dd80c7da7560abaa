import { basename, dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import type { Frame, Size } from '../../frame.js';
import { inOrder } from '../file-recording.js';
import { decodeGrey } from '../images.js';
import { type Folder, listFolder } from '../input-files.js';
import type { Layout } from '../layout.js';
import type { BadEntry, FrameEntry, Recording } from '../recording.js';
import { stampDigest, stampsOf } from '../stamps.js';
import { NYU40_CLASSES } from '../viewal-layout.js';
import { atWorkingSize, LabelTable } from '../working-frame.js';
import { foldersAbove, type LabelKind, labelClasses, SCENE } from './labels.js';
import { indexSens, readSensFrame, readSensHead, type SensIndex } from './sens-file.js';
import { findLabels, type SensLabels } from './sens-labels.js';
import { validationFrames } from './splits.js';

const ENDING = /\.sens$/i;

/**
 * ScanNet's `.sens` files, as downloaded: one by itself, a folder of them, or a folder of scans (`scene0000_00/scene0000_00.sens`); a
 * file is a scene, called after it. Frames are read from where they lie in the file. Labels lie beside it (`findLabels`), and so,
 * or above, do the table of labels and the official splits.
 */
export const sensLayout: Layout = {
  name: 'sens',
  needs: 'files such as scene0000_00.sens, or folders such as scene0000_00/ with one',
  endings: ['.sens'],
  matches: ({ files, folders }) =>
    files.some((file) => ENDING.test(file)) || folders.some((folder) => SCENE.test(folder)),
  openFile: async (path) => {
    const { files } = await listFolder(dirname(path));
    const isAlone = files.filter((file) => ENDING.test(file)).length === 1;
    return open(path, dirname(path), [{ file: basename(path), isAlone }]);
  },
  open: async (path, root) => open(path, path, await listScans(path, root)),
};

/** A file, relative to the recording, and whether its folder holds no other. */
interface Scan {
  readonly file: string;
  readonly isAlone: boolean;
}

async function listScans(path: string, root: Folder): Promise<Scan[]> {
  const scansOf = (prefix: string, { files }: Folder): Scan[] => {
    const scans = files.filter((file) => ENDING.test(file));
    return scans.map((file) => ({ file: prefix + file, isAlone: scans.length === 1 }));
  };
  const scans = scansOf('', root);
  for (const folder of root.folders)
    if (SCENE.test(folder)) scans.push(...scansOf(`${folder}/`, await listFolder(join(path, folder))));
  return scans;
}

/** An open scan. */
interface Scene extends Scan {
  /** Absolute. */
  readonly path: string;
  readonly index: SensIndex;
  readonly labels: SensLabels | undefined;
}

/**
 * @param path of the recording, absolute
 * @param root the folder that names are relative to
 */
async function open(path: string, root: string, scans: readonly Scan[]): Promise<Recording> {
  const scenes = new Map<string, Scene>();
  const frames: FrameEntry[] = [];
  const bad: BadEntry[] = [];
  const kinds = new Map<LabelKind, string>();
  for (const scan of scans) {
    const scene = basename(scan.file).replace(ENDING, '');
    if (scenes.has(scene)) {
      throw new UserError(`${path} holds two scans called ${scene}: expected each once.`);
    }
    const file = join(root, scan.file);
    const labels = await findLabels(file, root, scan.isAlone);
    const found = await indexOrFault(file, scans.length > 1);
    if (typeof found === 'string') {
      bad.push({ scene, id: '0', file: scan.file, reason: found });
      continue;
    }
    scenes.set(scene, { ...scan, path: file, index: found, labels });
    if (labels?.kind !== undefined) kinds.set(...labels.kind);
    for (const { number, reason } of found.bad) {
      bad.push({ scene, id: `${number}`, file: `${scan.file}, frame ${number}`, reason });
    }
    await listFrames(root, scene, scenes.get(scene)!, frames);
  }
  if (frames.length === 0) throw new UserError(noFrames(path, bad));
  const folders = foldersAbove(root);
  const classes = [...scenes.values()].some(({ labels }) => labels !== undefined) ? NYU40_CLASSES : [];
  const labelTable = new LabelTable(classes.length, await labelClasses(kinds, folders));
  const hasClock = [...scenes.values()].every(({ index }) => index.hasClock);
  const hasColourClock = hasClock && [...scenes.values()].every(({ index }) => index.hasColourClock);
  const find = ({ scene, id }: FrameEntry) => {
    const found = scenes.get(scene);
    if (found === undefined) throw new Error(`${scene}/${id} is not a frame of ${path}`);
    return { scene: found, number: Number(id), shown: `${found.file}, frame ${id}` };
  };
  const readHead = async (entry: FrameEntry) => {
    const { scene, number, shown } = find(entry);
    return readSensHead(scene.path, scene.index, number, shown);
  };
  const readColourDelay = async (entry: FrameEntry) => {
    const { time, colourTime } = await readHead(entry);
    return colourTime - time;
  };
  return {
    path,
    format: sensLayout.name,
    classes,
    frames: inOrder(frames),
    bad: inOrder(bad),
    validationList: await validationFrames(folders, frames),
    read: async (entry, size) => {
      const { scene, number, shown } = find(entry);
      return readFrame(entry, scene, number, shown, hasClock, labelTable, size);
    },
    readPose: async (entry) => (await readHead(entry)).cameraToWorld,
    ...(hasClock ? { readTime: async (entry: FrameEntry) => (await readHead(entry)).time } : {}),
    ...(hasColourClock ? { readColourDelay } : {}),
    superpixelFile: () => undefined,
  };
}

/** What is wrong with a file stops the recording where there is no other, and costs that scan alone where there is. */
async function indexOrFault(path: string, hasOthers: boolean): Promise<SensIndex | string> {
  try {
    return await indexSens(path);
  } catch (error) {
    if (!hasOthers || !(error instanceof UserError)) throw error;
    return error.message.slice(path.length + 2, -1);
  }
}

function noFrames(path: string, [first]: readonly BadEntry[]): string {
  const fault = first === undefined ? '' : `: ${first.file}: ${first.reason}`;
  return `${path} has no usable frame${fault}.`;
}

/** How many labels are looked up at once: enough to hide a network disk's delay. */
const LOOKUPS = 64;

async function listFrames(root: string, name: string, scene: Scene, frames: FrameEntry[]): Promise<void> {
  const { index, labels, file } = scene;
  const stamp = await stampsOf(root, [file]);
  const bad = new Set(index.bad.map(({ number }) => number));
  for (let start = 0; start < index.count; start += LOOKUPS) {
    const numbers = Array.from({ length: Math.min(LOOKUPS, index.count - start) }, (_, i) => start + i);
    const found = await Promise.all(
      numbers
        .filter((number) => !bad.has(number))
        .map(async (number): Promise<FrameEntry> => {
          const labelled = labels?.has(number) ?? false;
          return {
            scene: name,
            id: `${number}`,
            labelled,
            fingerprint: stampDigest(`${stamp}${number}\0${index.offsets[number]}`),
            labelFingerprint: labelled ? await labels!.fingerprint(number) : '',
          };
        }),
    );
    frames.push(...found);
  }
}

async function readFrame(
  entry: FrameEntry,
  { path, index, labels }: Scene,
  number: number,
  shown: string,
  hasClock: boolean,
  labelTable: LabelTable,
  size: Size,
): Promise<Frame> {
  const { header } = index;
  const labelName = entry.labelled ? labels!.nameOf(number) : '';
  const [frame, label] = await Promise.all([
    readSensFrame(path, index, number, shown),
    entry.labelled ? labels!.read(number).then((bytes) => decodeGrey(bytes, labelName)) : undefined,
  ]);
  return atWorkingSize(
    {
      scene: entry.scene,
      id: entry.id,
      timestamp: hasClock ? frame.time : number,
      colour: { ...frame.colour, file: `${shown}, colour` },
      depth: { ...frame.depth, file: `${shown}, depth` },
      intrinsics: header.intrinsics,
      calibratedAt: { ...header.depthSize, file: `the intrinsics of ${shown}` },
      cameraToWorld: frame.cameraToWorld,
      label: label && { ...label, file: labelName },
    },
    labelTable,
    size,
  );
}
