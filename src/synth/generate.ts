import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../errors.js';
import { isMissing, writeFileAtomically } from '../files.js';
import type { Size } from '../frame.js';
import { DEPTH_SCALE } from '../sources/own-frame-files.js';
import { runTasks } from '../task-threads.js';
import { workerUrl } from '../worker-url.js';
import { intrinsicsFor } from './camera-path.js';
import { NYU13 } from './classes.js';
import { frameId, isWritten, sceneName } from './frame-files.js';
import type { RenderTask } from './render-worker.js';

export interface SynthOptions {
  /** Folder of the recording: new, empty, or begun earlier with the same options. */
  readonly out: string;
  readonly scenes: number;
  /** Per scene. */
  readonly frames: number;
  readonly seed: number;
  readonly size: Size;
  /** Whether colour and depth carry the noise of a consumer camera. */
  readonly noise: boolean;
  /** Threads; one per core unless given. The files do not depend on it. */
  readonly workers?: number;
}

export interface SynthSummary {
  readonly scenes: number;
  readonly frames: number;
  /** Frames rendered now; the others were there already. */
  readonly rendered: number;
  /** Frames whose labels may be trained on. */
  readonly labelled: number;
}

/** Raised whenever the same options give other pictures, so that old and new frames are never mixed. */
const VERSION = 1;
const LABELLED_SHARE = 0.1;
const LEAST_LABELLED = 8;

/**
 * Renders furnished rooms into a recording in the project's own layout. Frames already there are kept, so that
 * a run that was cut off can be repeated.
 *
 * @param onFrame hears how many frames are done, those found included, and how many there will be
 * @throws UserError for options out of range, or a folder that holds anything else
 */
export async function generateRecording(
  options: SynthOptions,
  onFrame: (done: number, total: number) => void = () => {},
): Promise<SynthSummary> {
  const { out, scenes, frames, seed, size, noise } = options;
  const workers = options.workers ?? availableParallelism();
  check(options, workers);
  await claim(out, {
    classes: NYU13,
    depthScale: DEPTH_SCALE,
    intrinsics: { ...size, ...intrinsicsFor(size) },
    generator: { name: 'viewal synth', version: VERSION, scenes, frames, seed, noise },
  });
  const labelled = labelledFrames(scenes, frames);
  const names = labelled.map(([scene, frame]) => `${sceneName(scene)}/${frameId(frame)}\n`);
  await writeFileAtomically(join(out, 'labelled.txt'), names.join(''));

  const tasks: RenderTask[] = [];
  let wantedTotal = 0;
  for (let scene = 0; scene < scenes; scene++) {
    const wanted: number[] = [];
    for (let k = 0; k < frames; k++)
      if (!(await isWritten(out, sceneName(scene), frameId(k)))) wanted.push(k);
    wantedTotal += wanted.length;
    // A scene's stored light is shared by its frames, so that it stays whole unless workers would be idle.
    for (const part of split(wanted, Math.ceil(workers / scenes))) {
      tasks.push({ out, seed, size, noise, scene, frames, wanted: part });
    }
  }
  const total = scenes * frames;
  let done = total - wantedTotal;
  onFrame(done, total);
  const url = workerUrl(import.meta.url, './render-worker.js');
  await runTasks('A rendering thread', url, tasks, workers, () => onFrame(++done, total));
  return { scenes, frames: total, rendered: wantedTotal, labelled: labelled.length };
}

function check({ scenes, frames, seed, size }: SynthOptions, workers: number): void {
  const whole = (name: string, value: number, low: number, high: number): void => {
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new UserError(`Expected ${name} to be a whole number from ${low} to ${high}, not ${value}.`);
    }
  };
  whole('the number of scenes', scenes, 1, 1000);
  whole('the number of frames', frames, 1, 100_000);
  whole('the seed', seed, 0, 2 ** 32 - 1);
  whole('the width', size.width, 16, 4096);
  whole('the height', size.height, 16, 4096);
  whole('the number of workers', workers, 1, 1024);
}

/** Writes `recording.json` into a new folder, or makes sure that the one there says the same. */
async function claim(out: string, settings: object): Promise<void> {
  const file = join(out, 'recording.json');
  const known = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (known === undefined) {
    const entries = await readdir(out).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    if (entries.some((entry) => !entry.startsWith('recording.json.'))) {
      throw new UserError(`Expected ${out} to be a new or empty folder, or a recording begun by synth.`);
    }
    await writeFileAtomically(file, `${JSON.stringify(settings, null, 2)}\n`);
    return;
  }
  if (!isDeepStrictEqual(parse(known), JSON.parse(JSON.stringify(settings)))) {
    throw new UserError(
      `Expected ${out} to be made with the same options: choose another folder or remove it.`,
    );
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Evenly spaced frames of every scene: a tenth, and enough for a small recording to learn from. */
export function labelledFrames(scenes: number, frames: number): [scene: number, frame: number][] {
  const least = Math.ceil(LEAST_LABELLED / scenes);
  const count = Math.min(frames, Math.max(least, Math.ceil(frames * LABELLED_SHARE)));
  const chosen: [number, number][] = [];
  for (let scene = 0; scene < scenes; scene++) {
    for (let k = 0; k < count; k++) chosen.push([scene, Math.floor(((k + 0.5) * frames) / count)]);
  }
  return chosen;
}

/** Cuts a list into at most `parts` runs of nearly equal length, none empty. */
function split<T>(items: readonly T[], parts: number): T[][] {
  const length = Math.ceil(items.length / parts);
  const runs: T[][] = [];
  for (let from = 0; from < items.length; from += length) runs.push(items.slice(from, from + length));
  return runs;
}
