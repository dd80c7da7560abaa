import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UserError } from '../errors.js';
import { correctedRecording, readCorrection } from './correction.js';
import { FORMATS, type Format } from './formats.js';
import { listFolder } from './input-files.js';
import type { Layout, LayoutOptions } from './layout.js';
import { liveLayout } from './live-layout.js';
import { matterport3d } from './matterport3d/matterport3d.js';
import { mcap } from './mcap/mcap.js';
import { ownLayout } from './own-layout.js';
import { record3d } from './record3d/record3d.js';
import type { Recording } from './recording.js';
import { redwood } from './redwood.js';
import { replica } from './replica.js';
import { parseTopics } from './ros/topics.js';
import { rosbag } from './rosbag/rosbag.js';
import { scannetLayout } from './scannet/scannet-layout.js';
import { sensLayout } from './scannet/sens-layout.js';
import { scenenet } from './scenenet/scenenet.js';
import { sevenScenes } from './seven-scenes.js';
import { strayLayout } from './stray/stray-layout.js';
import { tum } from './tum.js';
import { viewalLayout } from './viewal-layout.js';

/** Most telling marker first. */
export const LAYOUTS: readonly Layout[] = [
  ownLayout,
  liveLayout,
  scannetLayout,
  sensLayout,
  mcap,
  viewalLayout,
  scenenet,
  sevenScenes,
  replica,
  tum,
  strayLayout,
  redwood,
  record3d,
  matterport3d,
  rosbag,
];

export interface OpenOptions {
  /** `auto` if not given. */
  readonly format?: Format;
  /** Of a recording with topics, as `parseTopics` takes them; null for none. */
  readonly topics?: string | null;
}

/**
 * Opens a recorded data set: lists its frames without decoding them. A correction that lies beside it is taken up.
 * @param path its folder or, in layouts that have such files, the file that holds it
 * @throws UserError where there is no such folder, it cannot be read, its layout is unknown or another than asked
 * for, its correction is no good, or not one frame is usable
 */
export async function openRecording(
  path: string,
  { format = 'auto', topics }: OpenOptions = {},
): Promise<Recording> {
  const recording = await openAsRead(path, format, topics == null ? undefined : parseTopics(topics));
  const correction = await readCorrection(recording.path);
  return correction === undefined ? recording : correctedRecording(recording, correction);
}

async function openAsRead(path: string, format: Format, topics: LayoutOptions['topics']): Promise<Recording> {
  if (!FORMATS.includes(format)) {
    throw new UserError(`There is no format "${format}": expected one of ${FORMATS.join(', ')}.`);
  }
  if (await isFile(path)) return openFile(path, format, topics);
  const root = await listFolder(resolve(path));
  if (root.files.length + root.folders.length === 0) {
    throw new UserError(`${path} is empty: expected the folder of a recording.`);
  }
  const layout = LAYOUTS.find((known) => known.matches(root) && (format === 'auto' || known.name === format));
  if (layout !== undefined) return layout.open(resolve(path), root, optionsFor(layout, path, topics));
  const asked = LAYOUTS.filter((known) => format === 'auto' || known.name === format);
  const needs = asked.map((known) => `${known.needs} (${known.name})`).join(', or ');
  const layoutName = format === 'auto' ? 'any known layout' : `the ${format} layout`;
  throw new UserError(`${path} is not in ${layoutName}: expected ${needs}.`);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false, // listing the folder says why
  );
}

/** @throws UserError where topics are named of a recording that has none */
function optionsFor(
  { hasTopics, name }: Layout,
  path: string,
  topics: LayoutOptions['topics'],
): LayoutOptions {
  if (topics === undefined) return {};
  if (hasTopics) return { topics };
  throw new UserError(`Option topics: ${path} (${name}) has no topics: they are of recordings of ROS.`);
}

async function openFile(path: string, format: Format, topics: LayoutOptions['topics']): Promise<Recording> {
  const known = LAYOUTS.filter(({ name, openFile }) => openFile && (format === 'auto' || name === format));
  const layout = known.find(({ endings = [] }) =>
    endings.some((ending) => path.toLowerCase().endsWith(ending)),
  );
  if (layout?.openFile !== undefined) return layout.openFile(resolve(path), optionsFor(layout, path, topics));
  const endings = known.flatMap(({ name, endings = [] }) => endings.map((ending) => `${ending} (${name})`));
  throw new UserError(
    endings.length === 0
      ? `${path} is a file: expected the folder of a recording.`
      : `${path} is a file: expected the folder of a recording, or a file that ends in ${endings.join(', ')}.`,
  );
}
