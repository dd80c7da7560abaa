import { basename } from 'node:path';
import { BadFrameError, UserError } from '../../errors.js';
import type { Frame, Size } from '../../frame.js';
import { requireIntrinsics } from '../depth-camera.js';
import { inOrder } from '../file-recording.js';
import { decodeCapturedDepth } from '../live-layout.js';
import type { BadEntry, FrameEntry, Recording } from '../recording.js';
import { stampDigest, stampsOf } from '../stamps.js';
import { atWorkingSize, LabelTable } from '../working-frame.js';
import { FrameMatcher, type LostFrame, type MatchedFrame } from './frame-matcher.js';
import { decodeRosColour, depthOf } from './images.js';
import type { FoundMessage, MessageFile } from './message-file.js';
import { decoderOf, type ImageMessage, kindOf, type RosMessage } from './messages.js';
import type { FrameTopics } from './topics.js';

/**
 * Depth images that may wait for the transforms around them while frames are listed. Images are not in memory then, so that they may wait
 * for half a minute.
 */
const WAITING = 1024;
/** Faults of a file that are told one by one. */
const TOLD = 20;

/** Where an image is. */
interface StoredImage<P> {
  readonly file: MessageFile<P>;
  readonly place: P;
  readonly kind: 'image' | 'compressed';
  readonly encoding: string;
}

type StoredFrame<P> = MatchedFrame<StoredImage<P>>;

/**
 * A recording of ROS with random access: one scene, of one file or several that follow each other. What makes a frame is told at
 * `FrameMatcher`. Listing walks through the files, over the images; kept are some hundred bytes a frame. There are no labels.
 *
 * @param path absolute, of the file or folder
 * @param files in order of time
 * @param asked topics that the user named; the others are chosen
 * @throws UserError where topics cannot be told, or not one frame is usable
 */
export async function rosRecording<P>(
  path: string,
  format: string,
  scene: string,
  files: readonly MessageFile<P>[],
  asked: Partial<FrameTopics> = {},
): Promise<Recording> {
  const { frames, bad, topics } = await list(path, scene, files, asked);
  const noLabels = new LabelTable(0, () => undefined);
  const entries: FrameEntry[] = [];
  const byId = new Map<string, StoredFrame<P>>();
  const stamps = new Map(await Promise.all(files.map(async (file) => [file, await stampOf(file)] as const)));
  for (const frame of frames) {
    const { id } = frame;
    const file = basename(frame.depth.file.path);
    if (byId.has(id)) {
      bad.push({ scene, id, file, reason: 'a depth image of the same time as another' });
      continue;
    }
    byId.set(id, frame);
    const made = JSON.stringify([frame.depth.place, frame.colour.place, [...frame.cameraToWorld]]);
    const stamp = stamps.get(frame.depth.file)! + stamps.get(frame.colour.file)!;
    const fingerprint = stampDigest(`${stamp}${made}${[...frame.camera.k].join(' ')}`);
    entries.push({ scene, id, labelled: false, fingerprint, labelFingerprint: '' });
  }
  const find = (entry: FrameEntry): StoredFrame<P> => {
    const frame = byId.get(entry.id);
    if (frame === undefined || entry.scene !== scene)
      throw new Error(`${entry.scene}/${entry.id} is not a frame of ${path}`);
    return frame;
  };
  return {
    path,
    format,
    classes: [],
    frames: inOrder(entries),
    bad: inOrder(bad),
    read: (entry, size) => readFrame(scene, find(entry), topics, noLabels, size),
    readPose: async (entry) => find(entry).cameraToWorld,
    readTime: async (entry) => find(entry).time,
    readColourDelay: async (entry) => find(entry).colourDelay,
    superpixelFile: () => undefined,
  };
}

interface Listed<P> {
  readonly frames: readonly StoredFrame<P>[];
  readonly bad: BadEntry[];
  readonly topics: FrameTopics;
}

async function list<P>(
  path: string,
  scene: string,
  files: readonly MessageFile<P>[],
  asked: Partial<FrameTopics>,
): Promise<Listed<P>> {
  const seen = new Map<string, string>();
  const matcher = new FrameMatcher<StoredImage<P>>(seen, { name: path, waiting: WAITING, topics: asked });
  const frames: StoredFrame<P>[] = [];
  const bad: BadEntry[] = [];
  let damages = 0;
  let at = '';
  const sort = (found: Iterable<StoredFrame<P> | LostFrame>) => {
    for (const frame of found) {
      if (!('lacks' in frame)) frames.push(frame);
      else bad.push({ scene, id: frame.id, file: at, reason: matcher.why(frame.lacks) });
    }
  };
  for (const file of files) {
    at = basename(file.path);
    for await (const found of file.scan()) {
      if ('damage' in found) {
        damages++;
        if (damages <= TOLD) bad.push({ scene, id: `damage ${damages}`, file: at, reason: found.damage });
        continue;
      }
      for (const [topic, type] of file.topics) seen.set(topic, type);
      sort(matcher.take(messageOf(file, found)));
    }
    for (const [topic, type] of file.topics) seen.set(topic, type);
  }
  try {
    sort(matcher.end());
  } catch (error) {
    const [damage] = bad.filter(({ id }) => id.startsWith('damage'));
    if (!(error instanceof UserError) || damage === undefined) throw error;
    throw new UserError(`${error.message.replace(/\.$/, '')}; ${damage.file} is damaged: ${damage.reason}.`);
  }
  return { frames, bad, topics: matcher.topics! };
}

function messageOf<P>(file: MessageFile<P>, found: FoundMessage<P>): RosMessage<StoredImage<P>> {
  const { topic, type, encoding, logTime, bytes, place } = found;
  const kind = kindOf(type)!;
  const recorded = { topic, type, logTime, size: bytes.length };
  const decoder = () => decoderOf(encoding, topic, basename(file.path));
  if (kind === 'transforms') return { ...recorded, kind, read: () => decoder().transforms(bytes) };
  if (kind === 'camera') return { ...recorded, kind, read: () => decoder().camera(bytes) };
  const image = { file, place, kind, encoding };
  return { ...recorded, kind, read: () => ({ header: decoder().header(bytes), image }) };
}

async function stampOf(file: MessageFile<unknown>): Promise<string> {
  return stampsOf(file.path.slice(0, -basename(file.path).length), [basename(file.path)]);
}

async function readFrame<P>(
  scene: string,
  { id, time, depth, colour, camera, cameraToWorld }: StoredFrame<P>,
  topics: FrameTopics,
  labels: LabelTable,
  size: Size,
): Promise<Frame> {
  const named = (image: StoredImage<P>, topic: string) => `${basename(image.file.path)}, ${topic}`;
  const [depthName, colourName] = [named(depth, topics.depth), named(colour, topics.colour)];
  const stored = await depthOf(await imageAt(depth, depthName), depthName).then((captured) =>
    decodeCapturedDepth(captured, depthName),
  );
  const picture = await decodeRosColour(await imageAt(colour, colourName), colourName);
  const infoName = named(depth, topics.info);
  const { k, width, height } = camera;
  const calibratedAt = width > 0 && height > 0 ? { width, height } : stored;
  return atWorkingSize(
    {
      ...{ scene, id, timestamp: time, cameraToWorld, label: undefined },
      colour: { ...picture, file: colourName },
      depth: { ...stored, file: depthName },
      intrinsics: requireIntrinsics({ fx: k[0], fy: k[4], cx: k[2], cy: k[5] }, infoName),
      calibratedAt: { width: calibratedAt.width, height: calibratedAt.height, file: infoName },
    },
    labels,
    size,
  );
}

async function imageAt<P>(image: StoredImage<P>, name: string): Promise<ImageMessage> {
  const bytes = await image.file.read(image.place);
  try {
    return decoderOf(image.encoding, name, name).image(bytes, image.kind);
  } catch (error) {
    throw new BadFrameError(name, `cannot be decoded: ${(error as Error).message}`);
  }
}
