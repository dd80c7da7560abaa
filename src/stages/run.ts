import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { frameName, type Size } from '../frame.js';
import { chooseBackend } from '../model/backend.js';
import { readClassNames } from '../model/inference/model-folder.js';
import { sayCorrection } from '../sources/correction.js';
import { openRecording } from '../sources/open.js';
import type { FrameEntry, Recording } from '../sources/recording.js';
import type { FrameId } from '../tables/frame-tables.js';
import { RunFolder } from '../tables/run-folder.js';
import { readLiveManifest } from './live/manifest.js';
import { type Monitor, SILENT } from './monitor.js';
import {
  optionName,
  parseOptions,
  type RunOptions,
  runOptions,
  sayOption,
  sayValue,
  TRAINING_OPTIONS,
} from './options.js';
import { pretrainedBackbone } from './training/initialise.js';
import { isFrameCount, labelledFrames } from './training/labelled-frames.js';
import { networkConfig } from './training/plan.js';

/** Labels of the training frames, pixel by pixel. */
export interface TrainingLabels {
  /** Changes when any of them does. */
  readonly key: string;
  /** @returns H×W class indices, `IGNORE` where there is none */
  of(frame: FrameId): Promise<Uint8Array>;
}

/** Everything a stage needs: where to read, where to write, what was asked for. */
export interface Run {
  readonly folder: RunFolder;
  /** Where superpixels are kept, which no network changes: the run's own folder, or one that several runs share. */
  readonly shared: RunFolder;
  /** Where several runs keep networks, by what each was trained on, so that one that two of them need is trained once. */
  readonly networks?: RunFolder;
  readonly recording: Recording;
  readonly options: RunOptions;
  readonly size: Size;
  /** Frames by scene, both sorted. */
  readonly scenes: ReadonlyMap<string, readonly FrameEntry[]>;
  /** Names (`scene/frame`) of the frames whose labels are trained on. */
  readonly training: ReadonlySet<string>;
  /** What is trained on of these frames, where it is not the recording's own labels. */
  readonly trainingLabels?: TrainingLabels;
  /** Names of the frames whose labels choose among networks while training; none of them is trained on. */
  readonly validation: ReadonlySet<string>;
  readonly monitor: Monitor;
  /** Aborts when the user interrupts: work that can save what it has listens, saves, and throws `InterruptedError`. */
  readonly signal?: AbortSignal;
}

/**
 * Folders and files among the options, from the working folder they were given in.
 * @throws UserError where one is not there
 */
export function absolutePaths(given: Partial<RunOptions>): Partial<RunOptions> {
  const found: Record<string, string> = {};
  for (const name of ['labels', 'model', 'probabilities', 'superpixels'] as const) {
    const path = given[name];
    if (path == null) continue;
    if (!existsSync(path)) throw new UserError(`Option ${name}: there is no folder ${path}.`);
    found[name] = resolve(path);
  }
  for (const name of ['labelled', 'validation'] as const) {
    const path = given[name];
    if (path !== undefined && !isFrameCount(path) && existsSync(path)) found[name] = resolve(path);
  }
  const { init } = given;
  if (init !== undefined && init !== 'auto' && init !== 'random' && existsSync(init))
    found.init = resolve(init);
  return found;
}

/** The options that a run was made with, less those in whose place something else is said now. */
function keptOptions(
  stored: Readonly<Record<string, unknown>>,
  given: Partial<RunOptions>,
): Partial<RunOptions> {
  const kept = { ...stored };
  // A profile is a whole recipe.
  if (given.profile !== undefined)
    for (const name of TRAINING_OPTIONS) if (name !== 'init' && name !== 'validation') delete kept[name];
  if (given.steps != null) delete kept.epochs;
  if (given.epochs != null) delete kept.steps;
  return kept as Partial<RunOptions>;
}

/** Frames by scene, in the order given. */
export function framesByScene(frames: readonly FrameEntry[]): Map<string, FrameEntry[]> {
  const scenes = new Map<string, FrameEntry[]>();
  for (const entry of frames) {
    const of = scenes.get(entry.scene);
    if (of) of.push(entry);
    else scenes.set(entry.scene, [entry]);
  }
  return scenes;
}

/** Says that a recording's poses and depth are not as its files have them, where `viewal inspect --fix` found so. */
export function noteCorrection({ path, correction }: Recording, monitor: Monitor): void {
  if (correction !== undefined)
    monitor.note(
      `${path} is corrected, as viewal inspect --fix wrote beside it: ${sayCorrection(correction)}`,
    );
}

/** Frames that the listing found bad are named up to this many; the report and the frames table have all. */
const BAD_SHOWN = 20;

const manifestSchema = z.object({
  recording: z.string(),
  // Options of another version may be unknown here; what is known is kept.
  options: z.object(runOptions.shape).partial(),
});

/**
 * Opens a run folder over a recording, and says which options changed since it was last used.
 *
 * @param out the run folder, made where absent
 * @param given options; where `resume` is set, on top of those the run was made with, else on top of the defaults
 * @param recording folder of the recording; may be left out where the run folder knows it
 * @throws UserError
 */
export async function openRun(
  out: string,
  given: Partial<RunOptions> = {},
  {
    recording,
    resume = false,
    monitor = SILENT,
    signal,
  }: { recording?: string; resume?: boolean; monitor?: Monitor; signal?: AbortSignal } = {},
): Promise<Run> {
  parseOptions(given);
  if (recording === undefined && given.labels == null && !existsSync(out))
    throw new UserError(
      `There is no run folder ${out}: expected one made by viewal replay, or --recording <folder>.`,
    );
  if (recording !== undefined && !existsSync(recording))
    throw new UserError(`There is no folder ${recording}: expected a recording.`);
  const folder = await RunFolder.open(out);
  const stored = manifestSchema.safeParse(await folder.readManifest()).data;
  const before = resume ? keptOptions(stored?.options ?? {}, given) : {};
  const asked = { ...before, ...given, ...absolutePaths(given) };
  const live = asked.labels == null ? undefined : await readLiveManifest(asked.labels);
  // What was labelled there are superpixels of that size.
  const options = parseOptions({ ...(live && { size: live.size }), ...asked });
  const source = recording ?? stored?.recording ?? live?.recording;
  if (source === undefined)
    throw new UserError(`${out} does not say which recording it is of: expected --recording <folder>.`);
  if (given.model != null) await readClassNames(options.model!);
  if (given.init !== undefined) await pretrainedBackbone(options, networkConfig(options, 2).width);
  const opened = await openRecording(source, options);
  noteCorrection(opened, monitor);
  const [width, height] = options.size.split('x').map(Number);

  // What cannot be had is said before anything is trained.
  if (given.backend !== undefined && given.backend !== 'auto') await chooseBackend(given.backend);
  const { training, validation } = await labelledFrames(opened, options);
  if (stored !== undefined) {
    if (resolve(stored.recording) !== opened.path)
      monitor.note(`${out} was made from ${stored.recording}; everything is made again from ${source}.`);
    const changed = Object.entries(options)
      .filter(([name, value]) => value !== (stored.options as Record<string, unknown>)[name])
      .map(
        ([name, value]) =>
          `${sayOption(name, (stored.options as Record<string, unknown>)[name])} → ${sayValue(value)}`,
      );
    if (changed.length > 0)
      monitor.note(
        `${out} was made with other options (${changed.join(', ')}): what they affect is made again.`,
      );
    const kept = Object.entries(before).filter(
      ([name, value]) => !(name in given) && value !== (parseOptions({}) as Record<string, unknown>)[name],
    );
    if (kept.length > 0)
      monitor.note(`as before: ${kept.map(([name, value]) => sayOption(name, value)).join(', ')}`);
  }
  for (const bad of opened.bad.slice(0, BAD_SHOWN))
    monitor.warn(`skipped ${frameName(bad)}: ${bad.file}: ${bad.reason}`);
  if (opened.bad.length > BAD_SHOWN)
    monitor.warn(`skipped ${opened.bad.length - BAD_SHOWN} more frames; the frames table names them`);

  if (options.model !== null) {
    const idle = TRAINING_OPTIONS.filter((name) => name in given && given[name] != null);
    if (idle.length > 0)
      monitor.note(
        `nothing is trained, as there is a --model: ${idle.map((name) => `--${optionName(name)}`).join(', ')} changes nothing`,
      );
  }
  await folder.writeManifest({ recording: opened.path, options });
  return {
    folder,
    shared: folder,
    recording: opened,
    options,
    size: { width, height },
    scenes: framesByScene(opened.frames),
    training,
    validation,
    monitor,
    ...(signal ? { signal } : {}),
  };
}
