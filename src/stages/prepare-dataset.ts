import { createHash } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { type Dataset, planFrames } from '../datasets/dataset.js';
import type { SceneProgress, SceneTask } from '../datasets/prepare-worker.js';
import {
  claim,
  finish,
  type PreparedLists,
  refuseForeign,
  reopen,
  writtenFrames,
} from '../datasets/prepared-folder.js';
import { type PublishedLists, readPublishedLists } from '../datasets/published-lists.js';
import { UserError } from '../errors.js';
import { frameName, type Size } from '../frame.js';
import { openRecording } from '../sources/open.js';
import type { FrameEntry } from '../sources/recording.js';
import { runTasks } from '../task-threads.js';
import { workerUrl } from '../worker-url.js';
import { type Monitor, SILENT } from './monitor.js';

export interface PrepareOptions {
  readonly dataset: Dataset;
  /** Folder that the user's download was unpacked into. */
  readonly download: string;
  /** Folder of the recording: new, empty, or begun earlier. */
  readonly out: string;
  /** Of the seed set. */
  readonly seed?: number;
  /** Folder of the lists that the paper's code was published with, to take exactly their frames. */
  readonly selections?: string | undefined;
  /** 320×240, the paper's, unless given. */
  readonly size?: Size;
  /** Threads at most; one per core unless given. The files do not depend on it. */
  readonly workers?: number;
}

export interface Prepared extends PreparedLists {
  readonly out: string;
  /** Frames written by this call; the others were there already. */
  readonly written: number;
  /** Frames that could not be used. */
  readonly leftOut: number;
}

/** What surrounds the preparation, where that is not standard. */
export interface PrepareContext {
  readonly monitor?: Monitor;
  /** Free bytes where a folder is. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/** Raised whenever the same download gives other files, so that old and new frames are never mixed. */
const VERSION = 1;
const PAPER_SIZE: Size = { width: 320, height: 240 };
/** Of a frame on disk, a little more than the 50 to 80 kB that colour, depth, labels and pose were measured to take at 320×240. */
const BYTES_A_PIXEL = 1.1;
/** Of a kind. */
const MOST_WARNINGS = 10;
/** Frames of a recording that several threads may list, each for itself: SceneNet's 1.8 million would fill their memory. */
const MOST_SHARED = 500_000;

/**
 * Turns a download of one of the paper's data sets into a recording in our own layout: the paper's subset at its size, with
 * lists of what is for validation and test, and a seed set.
 *
 * A frame that is there is not made again, so that a call that was killed goes on where it stopped, and a download may come
 * in parts: each call adds to the folder what it finds. The folder is a recording when everything has been done.
 *
 * @throws UserError for a download without its frames, a folder that holds anything else, or too
 * little space
 */
export async function prepareDataset(
  options: PrepareOptions,
  { monitor = SILENT, freeBytes = availableBytes }: PrepareContext = {},
): Promise<Prepared> {
  const { dataset } = options;
  const out = resolve(options.out);
  const size = options.size ?? PAPER_SIZE;
  const published =
    options.selections === undefined ? undefined : await readPublishedLists(options.selections, dataset);
  const choices = { version: VERSION, dataset: dataset.name, ...size, lists: digestOf(published) };
  await refuseForeign(out, choices);
  const plan = await planDownload(dataset, resolve(options.download), published?.frames, monitor);
  await claim(out, choices);

  const tasks: SceneTask[] = [];
  let total = 0;
  for (const { recording, frames, classes } of plan.scenes.values()) {
    const { scene } = frames[0];
    const done = await writtenFrames(out, scene);
    const ids = frames.filter(({ id, labelled }) => !isDone(done.get(id), labelled)).map(({ id }) => id);
    total += frames.length;
    if (ids.length > 0) tasks.push({ recording, format: dataset.format, scene, ids, out, size, classes });
  }
  const wanted = tasks.reduce((sum, { ids }) => sum + ids.length, 0);
  const leftOut = [...plan.leftOut];
  let written = 0;
  if (wanted > 0) {
    requireSpace(out, wanted * size.width * size.height * BYTES_A_PIXEL, await freeBytes(out));
    await reopen(out);
    const progress = monitor.begin('prepare', total, 'frames', total - wanted);
    const url = workerUrl(import.meta.url, '../datasets/prepare-worker.js');
    let workers = options.workers ?? availableParallelism();
    // Each thread lists the recordings it reads.
    if (plan.longest > MOST_SHARED)
      workers = Math.min(workers, new Set(tasks.map(({ recording }) => recording)).size);
    await runTasks('A preparing thread', url, tasks, workers, ({ scene, id, fault }: SceneProgress) => {
      progress.advance();
      if (fault === undefined) written++;
      else leftOut.push(`${scene}/${id} ${fault.file}: ${fault.reason}`);
    });
    progress.end();
  }
  // Threads finish scenes in any order.
  leftOut.sort();
  warnOf(
    leftOut.map((line) => `left out ${line}`),
    monitor,
  );
  const seeds = published?.seeds ?? options.seed ?? 1;
  const lists = await finish(out, dataset, plan.classes, seeds, leftOut);
  return { ...lists, out, written, leftOut: leftOut.length };
}

/** A scene of the download that is in the subset. */
interface PlannedScene {
  /** Absolute path of the recording it is in. */
  readonly recording: string;
  readonly classes: readonly string[];
  /** At least one. */
  readonly frames: FrameEntry[];
}

interface Plan {
  readonly scenes: ReadonlyMap<string, PlannedScene>;
  readonly classes: readonly string[];
  /** Frames of the recording that has most. */
  readonly longest: number;
  /** A line for each frame of the subset that the listing found unusable. */
  readonly leftOut: readonly string[];
}

/** Lists the download, recording by recording. */
async function planDownload(
  dataset: Dataset,
  download: string,
  listed: ReadonlySet<string> | undefined,
  monitor: Monitor,
): Promise<Plan> {
  const recordings = (await dataset.recordings?.(download)) ?? [download];
  const scenes = new Map<string, PlannedScene>();
  const leftOut: string[] = [];
  const faults: string[] = [];
  let classes = dataset.classes;
  let found = 0;
  let longest = 0;
  const progress = recordings.length > 1 ? monitor.begin('list', recordings.length, 'recordings') : undefined;
  for (const path of recordings) {
    try {
      const recording = await openRecording(path, { format: dataset.format });
      classes ??= recording.classes;
      found += recording.frames.length;
      longest = Math.max(longest, recording.frames.length);
      const planned = planFrames(dataset, recording, listed);
      for (const entry of planned.frames) {
        const scene = scenes.get(entry.scene) ?? { recording: recording.path, classes, frames: [] };
        scenes.set(entry.scene, scene);
        // A scan that is there twice, as a stream and exported, is taken once.
        if (scene.recording === recording.path) scene.frames.push(entry);
      }
      for (const { file, reason, ...frame } of planned.bad)
        leftOut.push(`${frameName(frame)} ${file}: ${reason}`);
    } catch (error) {
      if (!(error instanceof UserError) || recordings.length === 1) throw error;
      faults.push(error.message);
    }
    progress?.advance();
  }
  progress?.end();
  if (found === 0 && faults[0] !== undefined) throw new UserError(faults[0]);
  warnOf(faults, monitor);
  if (scenes.size === 0)
    throw new UserError(
      found === 0
        ? `${download} holds no recording of ${dataset.title}: viewal dataset list tells what to download.`
        : `None of the ${found} frames in ${download} belongs to the subset of ${dataset.title}: viewal dataset list tells which do.`,
    );
  return { scenes, classes: classes ?? [], longest, leftOut };
}

function warnOf(faults: readonly string[], monitor: Monitor): void {
  for (const fault of faults.slice(0, MOST_WARNINGS)) monitor.warn(fault);
  if (faults.length > MOST_WARNINGS) monitor.warn(`and ${faults.length - MOST_WARNINGS} more like these`);
}

function isDone(written: { readonly labelled: boolean } | undefined, labelled: boolean): boolean {
  return written !== undefined && (written.labelled || !labelled);
}

function requireSpace(out: string, needed: number, free: number): void {
  if (free >= needed) return;
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0);
  throw new UserError(
    `${out} needs about ${gigabytes(needed)} GB more, and its disk has ${gigabytes(free)} GB free: make room or choose another disk.`,
  );
}

async function availableBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Of the frames that the lists name; null where there are none. */
function digestOf(published: PublishedLists | undefined): string | null {
  if (published === undefined) return null;
  return createHash('sha256')
    .update([...published.frames].sort().join('\n'))
    .digest('hex');
}
