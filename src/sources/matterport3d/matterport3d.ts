import { join, parse } from 'node:path';
import { BadFrameError, UserError } from '../../errors.js';
import { IGNORE, type Intrinsics } from '../../frame.js';
import type { DepthCamera } from '../depth-camera.js';
import { type FrameId, fileRecording, type Part } from '../file-recording.js';
import { type Folder, listFolder, readText } from '../input-files.js';
import type { Layout } from '../layout.js';
import type { Recording } from '../recording.js';
import { classNames } from '../settings.js';
import { MPCAT40_CLASSES } from './classes.js';
import { CALIBRATED, readConf, type Scan } from './conf.js';

const PARAMETERS = 'undistorted_camera_parameters';
const LABELS = 'label';
const CLASSES = 'classes.txt';
/** As the data set names its houses: `17DRP5sb8fy`, `YmJkqBEsHnH`. */
const HOUSE = /^(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9]{11}$/;

/** Stored values a metre. */
const DEPTH_SCALE = 4000;

/**
 * Matterport3D's undistorted images as they unpack, a scene per house: `undistorted_camera_parameters/<house>.conf`,
 * `undistorted_color_images/` and `undistorted_depth_images/` in the folder given, in `<house>/`, or in `<house>/<house>/`. Depth in
 * 1/4000 m along z, 0 = none.
 *
 * The data set's labels are on its meshes, not on its images: a folder `label/` beside the images, with a PNG per depth image, called the
 * same, holds them as rendered by whoever reads this. Stored 1 is the first class, and so on; 0 and what is above the last class is
 * unlabelled. Classes are mpcat40's, or those of `classes.txt` in the folder given, one a line.
 */
export const matterport3d: Layout = {
  name: 'matterport3d',
  needs: `${PARAMETERS}/, undistorted_color_images/ and undistorted_depth_images/, or folders of houses such as 17DRP5sb8fy/ that hold them`,
  matches: ({ folders }) => folders.includes(PARAMETERS) || folders.some((folder) => HOUSE.test(folder)),
  open: openHouses,
};

/** A house, listed. */
interface House {
  /** Relative to the recording. */
  readonly conf: string;
  /** Path prefix of its folders. */
  readonly prefix: string;
  readonly depthFolder: string;
  readonly colourFolder: string;
  /** By the depth image's name without its ending; or why the conf cannot be read. */
  readonly scans: ReadonlyMap<string, Scan> | BadFrameError;
}

async function openHouses(path: string, root: Folder): Promise<Recording> {
  const houses = new Map<string, House>();
  const present = new Set<string>();
  const frames: FrameId[] = [];
  let hasLabels = false;
  for (const { prefix, folder } of await housesOf(path, root)) {
    const { files } = await listFolder(join(path, prefix, PARAMETERS));
    for (const file of files.filter((name) => name.endsWith('.conf'))) {
      const scene = file.slice(0, -'.conf'.length);
      const house = await readHouse(path, prefix, file);
      if (houses.has(scene)) continue;
      houses.set(scene, house);
      present.add(house.conf);
      const images = [house.colourFolder, house.depthFolder, LABELS];
      for (const name of images.filter((kind) => folder.folders.includes(kind)))
        for (const image of (await listFolder(join(path, prefix, name))).files)
          present.add(`${prefix}${name}/${image}`);
      hasLabels ||= folder.folders.includes(LABELS);
      frames.push(...framesOf(scene, house, present));
    }
  }
  if (houses.size === 0) throw new UserError(`${path} holds no house: expected ${matterport3d.needs}.`);
  const classes = hasLabels ? await classesOf(path, root) : [];
  const scanOf = ({ scene, id }: FrameId): Scan => scansOf(houses.get(scene)!).get(id)!;
  return fileRecording({
    path,
    format: matterport3d.name,
    classes,
    frames,
    present,
    fileNames: (part, { scene, id }) => fileNames(houses.get(scene)!, part, id),
    async camera(scene) {
      const house = houses.get(scene)!;
      return cameraOf(house, firstIntrinsics(scansOf(house)));
    },
    // Each of a tripod's three cameras has its own.
    frameCamera: async (frame) => cameraOf(houses.get(frame.scene)!, scanOf(frame).intrinsics()),
    poses: async (scene) => ({ file: houses.get(scene)!.conf, pose: (id) => scanOf({ scene, id }).pose() }),
    classOf: (stored) => (stored >= 1 && stored <= classes.length ? stored - 1 : IGNORE),
  });
}

/** Folders that hold a house's folders. @returns path prefixes, and what is in them */
async function housesOf(path: string, root: Folder): Promise<{ prefix: string; folder: Folder }[]> {
  if (root.folders.includes(PARAMETERS)) return [{ prefix: '', folder: root }];
  const houses: { prefix: string; folder: Folder }[] = [];
  for (const name of root.folders.filter((folder) => HOUSE.test(folder))) {
    let prefix = `${name}/`;
    let folder = await listFolder(join(path, prefix));
    if (!folder.folders.includes(PARAMETERS) && folder.folders.includes(name)) {
      prefix += `${name}/`;
      folder = await listFolder(join(path, prefix));
    }
    if (folder.folders.includes(PARAMETERS)) houses.push({ prefix, folder });
  }
  return houses;
}

async function readHouse(path: string, prefix: string, file: string): Promise<House> {
  const conf = `${prefix}${PARAMETERS}/${file}`;
  try {
    const { depthFolder, colourFolder, scans } = await readConf(path, conf);
    if (scans.length === 0) throw new BadFrameError(conf, 'no scans');
    const byId = new Map(scans.map((scan) => [parse(scan.depth).name, scan]));
    return { conf, prefix, depthFolder, colourFolder, scans: byId };
  } catch (error) {
    if (!(error instanceof BadFrameError)) throw error;
    return { conf, prefix, depthFolder: '', colourFolder: '', scans: error };
  }
}

/** Scans with an image at least: those of a part of a download. Of a house that cannot be read, one frame that says why. */
function framesOf(scene: string, house: House, present: ReadonlySet<string>): FrameId[] {
  if (house.scans instanceof BadFrameError) return [{ scene, id: '' }];
  const isThere = (id: string) =>
    (['colour', 'depth'] as const).some((part) => present.has(fileNames(house, part, id)[0]!));
  return [...house.scans.keys()].filter(isThere).map((id) => ({ scene, id }));
}

function fileNames(house: House, part: Part, id: string): readonly string[] {
  const { scans, prefix, conf } = house;
  // The conf is there; why it is no good is told when the frame is looked up.
  if (scans instanceof BadFrameError) return part === 'colour' || part === 'depth' ? [conf] : [];
  const { depth, colour } = scans.get(id)!;
  if (part === 'colour') return [`${prefix}${house.colourFolder}/${colour}`];
  if (part === 'depth') return [`${prefix}${house.depthFolder}/${depth}`];
  return part === 'label' ? [`${prefix}${LABELS}/${depth}`] : [];
}

/** @throws BadFrameError where the house's conf is no good */
function scansOf({ scans }: House): ReadonlyMap<string, Scan> {
  if (scans instanceof BadFrameError) throw scans;
  return scans;
}

function cameraOf({ conf }: House, intrinsics: Intrinsics): DepthCamera {
  return {
    ...{ intrinsics, size: CALIBRATED, depthScale: DEPTH_SCALE, greatestDepth: 65535, files: [conf] },
  };
}

/** Those of the first scan that has some: what a house's frames share has to have them. */
function firstIntrinsics(scans: ReadonlyMap<string, Scan>): Intrinsics {
  let fault: unknown;
  for (const scan of scans.values()) {
    try {
      return scan.intrinsics();
    } catch (error) {
      fault ??= error;
    }
  }
  throw fault;
}

/** mpcat40, or the user's own. */
async function classesOf(path: string, { files }: Folder): Promise<readonly string[]> {
  if (!files.includes(CLASSES)) return MPCAT40_CLASSES;
  const lines = (await readText(path, CLASSES)).split('\n').map((line) => line.trim());
  const names = classNames.safeParse(lines.filter((line) => line !== ''));
  if (!names.success || names.data.length === 0)
    throw new UserError(`${join(path, CLASSES)}: expected different class names, at most 255, one a line.`);
  return names.data;
}
