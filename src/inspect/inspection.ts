import { BadFrameError } from '../errors.js';
import type { Frame, Size } from '../frame.js';
import type { Correction } from '../sources/correction.js';
import type { BadEntry, FrameEntry, Recording } from '../sources/recording.js';
import { fieldOfView } from './camera-fit.js';
import { type ColourDelay, colourDelayOf } from './colour-delay.js';
import { checkGeometry, type GeometryCheck } from './geometry-check.js';
import { type Jump, poseJumps } from './pose-jumps.js';
import { poseRuns } from './pose-runs.js';
import { sampleFrames } from './sample-frames.js';
import { sharedSurface } from './shared-surface.js';
import { viewOf } from './view.js';
import { warningsOf } from './warnings.js';

export interface SceneFacts {
  readonly scene: string;
  readonly frames: number;
  readonly labelled: number;
  /** From its first frame to its last; undefined where the recording has no clock. */
  readonly seconds: number | undefined;
}

/** What a recording is, and whether its geometry can be trusted. */
export interface Inspection {
  readonly path: string;
  readonly format: string;
  readonly classes: readonly string[];
  /** In force while it was inspected: "as read" is with it. */
  readonly correction: Correction | undefined;
  readonly frames: number;
  readonly scenes: readonly SceneFacts[];
  /** Frames that the listing, or reading those sampled, found bad. */
  readonly bad: readonly BadEntry[];
  /** Sizes of the files' images, and how many of the sampled frames have them. */
  readonly sizes: readonly { readonly colour: Size; readonly depth: Size; readonly frames: number }[];
  /** Degrees, of the first sampled frame. */
  readonly fieldOfView: Size;
  /** Frames looked at, small, in order. */
  readonly sampled: readonly Frame[];
  readonly geometry: GeometryCheck;
  /** The share of the sampled frames' surface that at least two of them see, in [0, 1]; under the best hypothesis. */
  readonly shared: number;
  /** Frames whose pose was held against the next one's; 0 where the format does not tell poses without decoding. */
  readonly posesRead: number;
  readonly jumps: readonly Jump[];
  /** Undefined where the recording does not time colour and depth apart. */
  readonly colourDelay: ColourDelay | undefined;
  /** Sentences. */
  readonly warnings: readonly string[];
}

export interface InspectOptions {
  /** Hears how many of the sampled frames are done. */
  readonly onFrame?: (done: number, total: number) => void;
}

/**
 * Looks at a sample of a recording's frames: at most `MOST_SAMPLED` are decoded, whatever its length.
 * @throws BadFrameError where none of them can be read: that of the first
 */
export async function inspectRecording(
  recording: Recording,
  { onFrame = () => {} }: InspectOptions = {},
): Promise<Inspection> {
  const entries = sampleFrames(recording.frames);
  const bad = [...recording.bad];
  const sampled: Frame[] = [];
  const delays: number[] = [];
  let size = SMALL;
  let fault: BadFrameError | undefined;
  for (const [done, entry] of entries.entries()) {
    onFrame(done, entries.length);
    try {
      let frame = await recording.read(entry, size);
      const fitting = smallSize(frame.source?.depth ?? size);
      if (fitting.width !== size.width || fitting.height !== size.height) {
        size = fitting;
        frame = await recording.read(entry, size);
      }
      sampled.push(frame);
      if (recording.readColourDelay) delays.push(await recording.readColourDelay(entry));
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error;
      fault ??= error;
      bad.push({ scene: entry.scene, id: entry.id, file: error.file, reason: error.reason });
    }
  }
  onFrame(entries.length, entries.length);
  if (fault !== undefined && sampled.length === 0) throw fault;

  const views = sampled.map(viewOf);
  const geometry = checkGeometry(views);
  const { correction } = geometry.best;
  const runs = await poseRuns(recording);
  const found = {
    path: recording.path,
    format: recording.format,
    classes: recording.classes,
    correction: recording.correction,
    frames: recording.frames.length,
    scenes: await scenesOf(recording),
    bad,
    sizes: sizesOf(sampled),
    fieldOfView: fieldOfView(sampled[0]!, sampled[0]!.intrinsics),
    sampled,
    geometry,
    shared: sharedSurface(views, correction),
    posesRead: runs.reduce((sum, run) => sum + run.length, 0),
    jumps: poseJumps(runs, correction),
    colourDelay: colourDelayOf(delays),
  };
  return { ...found, warnings: warningsOf(found) };
}

/** Pixels of a frame that is looked at: enough for 2 cm at 2 m. */
const SMALL: Size = { width: 160, height: 120 };

/** A size of the image's shape and some 19 000 pixels; the image's own where that is less. */
export function smallSize({ width, height }: Size): Size {
  const scale = Math.min(1, Math.sqrt((SMALL.width * SMALL.height) / (width * height)));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

async function scenesOf(recording: Recording): Promise<SceneFacts[]> {
  const scenes = new Map<string, FrameEntry[]>();
  for (const entry of recording.frames) {
    const entries = scenes.get(entry.scene) ?? [];
    scenes.set(entry.scene, entries);
    entries.push(entry);
  }
  const facts: SceneFacts[] = [];
  for (const [scene, entries] of scenes)
    facts.push({
      scene,
      frames: entries.length,
      labelled: entries.filter(({ labelled }) => labelled).length,
      seconds: await secondsOf(recording, entries),
    });
  return facts;
}

async function secondsOf(recording: Recording, entries: readonly FrameEntry[]): Promise<number | undefined> {
  if (recording.readTime === undefined) return undefined;
  try {
    return (await recording.readTime(entries.at(-1)!)) - (await recording.readTime(entries[0]!));
  } catch (error) {
    if (error instanceof BadFrameError) return undefined;
    throw error;
  }
}

function sizesOf(frames: readonly Frame[]): Inspection['sizes'] {
  const found = new Map<string, { colour: Size; depth: Size; frames: number }>();
  for (const { source } of frames) {
    if (source === undefined) continue;
    const key = JSON.stringify(source);
    const known = found.get(key) ?? { ...source, frames: 0 };
    found.set(key, known);
    known.frames++;
  }
  return [...found.values()];
}
