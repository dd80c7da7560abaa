import { join } from 'node:path';
import { BadFrameError, UserError } from '../errors.js';
import { type Frame, frameName, type Size } from '../frame.js';
import { allInOrder } from './all-in-order.js';
import type { DepthCamera } from './depth-camera.js';
import { readFrameImages } from './frame-images.js';
import { readBytes } from './input-files.js';
import { parsePose } from './pose.js';
import type { BadEntry, FrameEntry, Recording } from './recording.js';
import { stampDigest, stampsOf } from './stamps.js';
import { atWorkingSize, LabelTable } from './working-frame.js';

/** What a frame is made of, a file each. */
export type Part = 'colour' | 'depth' | 'pose' | 'label' | 'superpixels';

export const PARTS: readonly Part[] = ['colour', 'depth', 'pose', 'label', 'superpixels'];
const NEEDED: readonly Part[] = ['colour', 'depth', 'pose'];
const NEEDED_BESIDE_LIST: readonly Part[] = ['colour', 'depth'];

export interface FrameId {
  readonly scene: string;
  readonly id: string;
}

/** A recording as a layout sees it: which frames there are, and what its files are called. */
export interface FileLayout {
  /** Absolute path of the recording. */
  readonly path: string;
  readonly format: string;
  readonly classes: readonly string[];
  /** Every frame that has at least one of its needed files, in any order, each once. */
  readonly frames: readonly FrameId[];
  /** Frames that the listing found no use for, where a list of frames is at fault; none of `frames`. */
  readonly unusable?: readonly BadEntry[];
  /** Names of the files there are, relative to the recording, with forward slashes. */
  readonly present: ReadonlySet<string>;
  readonly labelledList?: ReadonlySet<string> | undefined;
  readonly validationList?: ReadonlySet<string> | undefined;
  /** What the file of a part may be called, relative to the recording; the first one present is taken. */
  fileNames(part: Part, frame: FrameId): readonly string[];
  /**
   * The camera of a scene; called once a scene.
   * @throws BadFrameError where its files are no good: then no frame of the scene is
   */
  camera(scene: string): Promise<DepthCamera>;
  /**
   * The camera of a frame that has one of its own, undefined where it has its scene's.
   * @throws BadFrameError where its files are no good: then the frame is not
   */
  frameCamera?(frame: FrameId): Promise<DepthCamera> | undefined;
  /**
   * Poses of a scene, for layouts that list them instead of keeping a file a frame; called once a scene.
   * @throws BadFrameError where the list is no good: then no frame of the scene is
   */
  poses?(scene: string): Promise<ScenePoses>;
  /** Seconds by which a frame's colour is later than its depth, for layouts that time both. */
  colourDelay?(frame: FrameId): number;
  /** Whether the poses' list tells when frames were taken. */
  readonly hasClock?: boolean;
  /** The class of a stored label, `IGNORE` for unlabelled, undefined where a label file cannot hold it. */
  classOf(stored: number): number | undefined;
}

/** The poses of a scene's frames, from a list, and what else it tells of the scene. */
export interface ScenePoses {
  /** The list, relative to the recording. */
  readonly file: string;
  /**
   * 4×4 row-major, camera to world, metres.
   * @throws BadFrameError where the frame has none, or it is no good
   */
  pose(id: string): Float64Array;
  /** When the frame was taken, seconds; where the layout has a clock. */
  time?(id: string): number;
  /** As the layout's, where stored labels stand for other classes in each scene. */
  classOf?(stored: number): number | undefined;
}

/** A usable frame and where its parts are. */
interface Listed {
  readonly entry: FrameEntry;
  readonly files: ReadonlyMap<Part, string>;
  readonly camera: DepthCamera;
  /** Undefined where the pose has a file of its own. */
  readonly poses: ScenePoses | undefined;
  /** Place among the frames of its scene, bad ones included. */
  readonly index: number;
}

/** A recording kept as files that takes in frames as their files appear. */
export interface GrowingRecording extends Recording {
  /**
   * Takes in the frames of a later listing, less those that it has, which stay as they were.
   * @param layout the same recording's, listed again
   * @returns the frames that are new, and those that cannot be used as they are now, which it does not remember
   */
  extend(layout: FileLayout): Promise<{ frames: FrameEntry[]; bad: BadEntry[] }>;
  /** Forgets a frame, which a later listing may bring again. */
  forget(entry: FrameEntry): void;
  readPose(entry: FrameEntry): Promise<Float64Array>;
  readTime(entry: FrameEntry): Promise<number>;
}

/**
 * Lists a recording kept as files, without decoding any, and reads its frames.
 * @throws UserError where not one frame is usable
 */
export async function fileRecording(layout: FileLayout): Promise<Recording> {
  const recording = growingRecording(layout.path, layout.format);
  const { frames, bad: found } = await recording.extend(layout);
  const bad = layout.unusable === undefined ? found : inOrder([...layout.unusable, ...found]);
  if (frames.length === 0) throw new UserError(noUsableFrame(layout.path, bad));
  const { classes, labelledList, validationList, hasClock } = layout;
  const readColourDelay = async (entry: FrameEntry) => layout.colourDelay!(entry);
  const { readTime, ...timeless } = recording;
  return {
    ...timeless,
    ...(hasClock ? { readTime } : {}),
    ...(layout.colourDelay ? { readColourDelay } : {}),
    classes,
    bad,
    labelledList,
    validationList,
  };
}

/** A recording kept as files, of which none is known yet. @param path absolute */
export function growingRecording(path: string, format: string): GrowingRecording {
  const frames: FrameEntry[] = [];
  const byName = new Map<string, Listed>();
  /** Frames by scene, bad ones of their listing included: the place of the next. */
  const places = new Map<string, number>();
  let classes: readonly string[] = [];
  let classOf: FileLayout['classOf'] = () => undefined;
  let labelTable: LabelTable | undefined;
  /** The last scene's that has its own, as frames are read scene by scene. */
  let ofScene: { readonly scene: string; readonly table: LabelTable } | undefined;
  const tableOf = ({ entry: { scene }, poses }: Listed): LabelTable => {
    if (poses?.classOf === undefined) {
      labelTable ??= new LabelTable(classes.length, classOf);
      return labelTable;
    }
    if (ofScene?.scene !== scene)
      ofScene = { scene, table: new LabelTable(classes.length, (stored) => poses.classOf!(stored)) };
    return ofScene.table;
  };
  const find = (entry: FrameEntry): Listed => {
    const frame = byName.get(frameName(entry));
    if (frame === undefined) throw new Error(`${frameName(entry)} is not a frame of ${path}`);
    return frame;
  };
  return {
    path,
    format,
    get classes() {
      return classes;
    },
    frames,
    bad: [],
    async extend(layout) {
      const unknown = layout.frames.filter((frame) => !byName.has(frameName(frame)));
      const { listed, bad } = await list({ ...layout, frames: unknown });
      for (const frame of listed) {
        const { scene } = frame.entry;
        byName.set(frameName(frame.entry), { ...frame, index: frame.index + (places.get(scene) ?? 0) });
        frames.push(frame.entry);
      }
      for (const { entry } of listed) places.set(entry.scene, byName.get(frameName(entry))!.index + 1);
      // Labels may appear when frames are there already.
      if (layout.classes.length > classes.length) labelTable = undefined;
      ({ classes, classOf } = layout);
      return { frames: listed.map(({ entry }) => entry), bad };
    },
    forget(entry) {
      byName.delete(frameName(entry));
      frames.splice(frames.lastIndexOf(entry), 1);
    },
    read: async (entry, size) => readFrame(path, tableOf(find(entry)), find(entry), size),
    readPose: async (entry) => readPose(path, find(entry)),
    readTime: async (entry) => timeOf(find(entry)),
    superpixelFile: (entry) => {
      const file = find(entry).files.get('superpixels');
      return file === undefined ? undefined : join(path, file);
    },
  };
}

function noUsableFrame(path: string, bad: readonly BadEntry[]): string {
  if (bad.length === 0) return `${path} holds no frames: expected at least one.`;
  const [{ file, reason }] = bad as [BadEntry];
  return `${path} has no usable frame among the ${bad.length} found: ${file}: ${reason}.`;
}

/** How many frames' files are looked up at once: enough to hide a network disk's delay. */
const LOOKUPS = 64;

async function list(layout: FileLayout): Promise<{ listed: Listed[]; bad: BadEntry[] }> {
  const frames = inOrder(layout.frames);
  const scenes = new Map<string, Promise<SceneFacts>>();
  const factsOf = (scene: string): Promise<SceneFacts> => {
    const known = scenes.get(scene) ?? sceneFacts(layout, scene);
    scenes.set(scene, known);
    return known;
  };
  const listed: Listed[] = [];
  const bad: BadEntry[] = [];
  let sceneStart = 0;
  for (let start = 0; start < frames.length; start += LOOKUPS) {
    const found = await Promise.all(
      frames.slice(start, start + LOOKUPS).map(async (frame) => {
        try {
          return await lookUp(layout, frame, await factsOf(frame.scene));
        } catch (error) {
          if (!(error instanceof BadFrameError)) throw error;
          return { ...frame, file: error.file, reason: error.reason };
        }
      }),
    );
    found.forEach((result, i) => {
      const at = start + i;
      if (frames[at]?.scene !== frames[sceneStart]?.scene) sceneStart = at;
      if ('entry' in result) listed.push({ ...result, index: at - sceneStart });
      else bad.push(result);
    });
  }
  return { listed, bad };
}

/** What a scene's frames share, with the stamps of the files that describe the camera, or why there is none. */
type SceneFacts = { camera: DepthCamera; stamps: string; poses: ScenePoses | undefined } | BadFrameError;

async function sceneFacts(layout: FileLayout, scene: string): Promise<SceneFacts> {
  try {
    const camera = await layout.camera(scene);
    return {
      camera,
      stamps: await stampsOf(layout.path, camera.files),
      poses: await layout.poses?.(scene),
    };
  } catch (error) {
    if (error instanceof BadFrameError) return error;
    throw error;
  }
}

/** @throws BadFrameError where a needed file is missing, or is no file, or the frame has no pose */
async function lookUp(layout: FileLayout, frame: FrameId, scene: SceneFacts): Promise<Omit<Listed, 'index'>> {
  const files = new Map<Part, string>();
  const needed = layout.poses === undefined ? NEEDED : NEEDED_BESIDE_LIST;
  for (const part of PARTS) {
    const names = layout.fileNames(part, frame);
    const file = names.find((name) => layout.present.has(name));
    if (file !== undefined) files.set(part, file);
    else if (needed.includes(part)) throw missing(names);
  }
  if (scene instanceof BadFrameError) throw scene;
  const { poses } = scene;
  const own = await layout.frameCamera?.(frame);
  const camera = own ?? scene.camera;
  const cameraStamps = own === undefined ? scene.stamps : await stampsOf(layout.path, own.files);
  const stampOf = (parts: readonly Part[]) =>
    stampsOf(
      layout.path,
      parts.flatMap((part) => files.get(part) ?? []),
    );
  const entry = {
    ...frame,
    labelled: files.has('label'),
    fingerprint: stampDigest(
      (await stampOf(needed)) + cameraStamps + (poses?.pose(frame.id).join(' ') ?? ''),
    ),
    labelFingerprint: files.has('label') ? stampDigest(await stampOf(['label'])) : '',
  };
  return { entry, files, camera, poses };
}

function missing([file = '', ...others]: readonly string[]): BadFrameError {
  const endings = others.map((name) => name.slice(name.lastIndexOf('.')));
  return new BadFrameError(
    file,
    endings.length > 0 ? `missing (${endings.join(' or ')} would do)` : 'missing',
  );
}

/** Orders frames by scene, then id, as people number things: 9 before 10. */
export function inOrder<T extends FrameId>(frames: readonly T[]): T[] {
  const padded = (name: string) => name.replace(/\d+/g, (digits) => digits.padStart(16, '0'));
  const keyed = frames.map((frame) => ({
    frame,
    // The name itself decides between 7 and 07.
    key: `${padded(frame.scene)}\0${padded(frame.id)}\0${frameName(frame)}`,
  }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ frame }) => frame);
}

function timeOf({ entry, poses, index }: Listed): number {
  return poses?.time?.(entry.id) ?? index;
}

async function readPose(path: string, { entry, files, poses }: Listed): Promise<Float64Array> {
  if (poses !== undefined) return poses.pose(entry.id);
  const file = files.get('pose')!;
  return parsePose(new TextDecoder().decode(await readBytes(join(path, file), file)), file);
}

async function readFrame(path: string, labelTable: LabelTable, listed: Listed, size: Size): Promise<Frame> {
  const { entry, files, camera } = listed;
  const [pose, { colour, depth, label }] = await allInOrder([
    readPose(path, listed),
    readFrameImages(path, {
      colour: files.get('colour')!,
      depth: files.get('depth')!,
      label: entry.labelled ? files.get('label')! : undefined,
    }),
  ]);

  return atWorkingSize(
    {
      scene: entry.scene,
      id: entry.id,
      timestamp: timeOf(listed),
      colour,
      depth: {
        ...depth,
        scale: camera.depthScale,
        greatest: camera.greatestDepth,
        ...(camera.alongRay ? { alongRay: true } : {}),
      },
      intrinsics: camera.intrinsics,
      calibratedAt: {
        ...(camera.size ?? { width: depth.width, height: depth.height }),
        file: `the intrinsics of ${camera.files[0] ?? 'the data set'}`,
      },
      cameraToWorld: pose,
      label,
    },
    labelTable,
    size,
  );
}
