import { join } from 'node:path';
import { z } from 'zod';
import { BadFrameError, UserError } from '../errors.js';
import { IGNORE } from '../frame.js';
import type { DepthCamera } from './depth-camera.js';
import { type FileLayout, type FrameId, fileRecording, type Part } from './file-recording.js';
import { parseFrameList } from './frame-list.js';
import { type Folder, listFolder, readBytes, readText } from './input-files.js';
import type { Layout } from './layout.js';
import { classNames, parseJson } from './settings.js';

const SETTINGS = 'recording.json';
const LABELLED = 'labelled.txt';
const VALIDATION = 'validation.txt';
const INTRINSICS = 'intrinsics.json';

const POSITIVE = 'a number above 0';
const pixels = z.int('a whole number of pixels').positive('a whole number of pixels above 0');
const intrinsicsSchema = z.object(
  {
    width: pixels,
    height: pixels,
    fx: z.number(POSITIVE).positive(POSITIVE),
    fy: z.number(POSITIVE).positive(POSITIVE),
    cx: z.number('a number of pixels'),
    cy: z.number('a number of pixels'),
  },
  'an object with width, height, fx, fy, cx and cy',
);

/** Unknown keys are passed over: other programs may keep their own notes in the file. */
const settingsSchema = z.object(
  {
    classes: classNames.default([]),
    depthScale: z.number(POSITIVE).positive(POSITIVE).default(1000),
    intrinsics: intrinsicsSchema.optional(),
  },
  'an object',
);
type Settings = z.output<typeof settingsSchema>;

const FRAME_FILE = /^(.+)\.(?:color\.(?:jpg|jpeg|png)|depth\.png|pose\.txt)$/;

const ENDINGS: Readonly<Record<Part, readonly string[]>> = {
  colour: ['color.jpg', 'color.jpeg', 'color.png'],
  depth: ['depth.png'],
  pose: ['pose.txt'],
  label: ['label.png'],
  superpixels: ['superpixel.png', 'superpixel.npy'],
};

/**
 * The layout to write by hand: `recording.json`, and a folder per scene with `<frame>.color.jpg`,
 * `<frame>.depth.png`, `<frame>.pose.txt` and, as there are, `<frame>.label.png`, `<frame>.superpixel.png` and, for a camera
 * of its own, `<frame>.intrinsics.json`. The README describes it.
 */
export const ownLayout: Layout = {
  name: 'own',
  needs: `${SETTINGS} and a folder per scene with files such as 000000.color.jpg, 000000.depth.png and 000000.pose.txt`,
  matches: ({ files }) => files.includes(SETTINGS),
  async open(path, root) {
    const layout = await describe(path, root, listFolder);
    const { frames } = layout;
    return fileRecording({
      ...layout,
      labelledList: await listOf(path, root.files, LABELLED, frames),
      validationList: await listOf(path, root.files, VALIDATION, frames),
    });
  },
  listGrowing: describe,
};

async function describe(
  path: string,
  root: Folder,
  list: (path: string) => Promise<Folder>,
): Promise<FileLayout> {
  const settings = parseSettings(await readText(path, SETTINGS));
  const present = new Set<string>();
  const frames: FrameId[] = [];
  for (const scene of root.folders) {
    const { files, folders } = await list(join(path, scene));
    const ids = new Set<string>();
    // A folder in the place of a file is listed too: its frame is bad, not absent.
    for (const file of [...files, ...folders]) {
      present.add(`${scene}/${file}`);
      const id = FRAME_FILE.exec(file)?.[1];
      if (id !== undefined) ids.add(id);
    }
    for (const id of ids) frames.push({ scene, id });
  }
  const labels = [...present].find((file) => file.endsWith('.label.png'));
  if (labels !== undefined && settings.classes.length === 0) {
    throw new UserError(
      `${SETTINGS}: "classes" should be a list of class names, as there are labels (${labels}).`,
    );
  }
  return {
    path,
    format: ownLayout.name,
    classes: settings.classes,
    frames,
    present,
    fileNames: (part, { scene, id }) => ENDINGS[part].map((ending) => `${scene}/${id}.${ending}`),
    camera: (scene) => {
      const file = `${scene}/${INTRINSICS}`;
      return present.has(file) ? ownCamera(path, file, settings) : sharedCamera(file, settings);
    },
    frameCamera: ({ scene, id }) => {
      const file = `${scene}/${id}.${INTRINSICS}`;
      return present.has(file) ? ownCamera(path, file, settings) : undefined;
    },
    classOf: (stored) => (stored < settings.classes.length || stored === IGNORE ? stored : undefined),
  };
}

function parseSettings(text: string): Settings {
  try {
    return parseJson(text, settingsSchema);
  } catch (error) {
    throw new UserError(`${SETTINGS}: ${(error as Error).message}.`);
  }
}

/** The camera that a file of a scene's or a frame's own describes. */
async function ownCamera(path: string, file: string, settings: Settings): Promise<DepthCamera> {
  const text = new TextDecoder().decode(await readBytes(join(path, file), file));
  try {
    return camera(parseJson(text, intrinsicsSchema), settings, [file, SETTINGS]);
  } catch (error) {
    throw new BadFrameError(file, (error as Error).message);
  }
}

/** The recording's camera. @param file where a scene might have its own */
async function sharedCamera(file: string, settings: Settings): Promise<DepthCamera> {
  if (settings.intrinsics !== undefined) return camera(settings.intrinsics, settings, [SETTINGS]);
  throw new BadFrameError(file, `missing, and ${SETTINGS} has no "intrinsics" for all scenes`);
}

function camera(
  intrinsics: z.output<typeof intrinsicsSchema>,
  { depthScale }: Settings,
  files: readonly string[],
): DepthCamera {
  return { intrinsics, size: intrinsics, depthScale, greatestDepth: 65535, files };
}

/** Frames that a list in the recording names, if it is there. */
async function listOf(
  path: string,
  files: readonly string[],
  list: string,
  frames: readonly FrameId[],
): Promise<ReadonlySet<string> | undefined> {
  return files.includes(list) ? parseFrameList(await readText(path, list), list, frames) : undefined;
}
