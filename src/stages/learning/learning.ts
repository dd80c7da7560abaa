import { existsSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import type { Size } from '../../frame.js';
import type { AnnotationTimes } from '../../labels/effort.js';
import { type Annotator, groundTruth } from '../../labels/oracle.js';
import { chooseBackend } from '../../model/backend.js';
import { openRecording } from '../../sources/open.js';
import type { FrameEntry } from '../../sources/recording.js';
import { findStrategy } from '../../strategies/index.js';
import type { Strategy } from '../../strategies/strategy.js';
import { RunFolder } from '../../tables/run-folder.js';
import { type Monitor, SILENT } from '../monitor.js';
import { parseOptions, type RunOptions, sayOption } from '../options.js';
import { absolutePaths, framesByScene, noteCorrection } from '../run.js';
import { type LearningFrames, learningFrames, readLists } from './frames.js';
import { type GivenLearning, type LearningOptions, parseLearning } from './options.js';

/** Everything that the rounds of active learning share. */
export interface Learning extends LearningFrames {
  readonly folder: RunFolder;
  /** As `Run.shared` and `Run.networks` of its rounds. */
  readonly shared: RunFolder;
  readonly networks?: RunFolder;
  /** The pool's frames. */
  readonly scenes: ReadonlyMap<string, readonly FrameEntry[]>;
  readonly options: RunOptions;
  readonly learning: LearningOptions;
  readonly size: Size;
  readonly strategy: Strategy;
  readonly annotator: Annotator;
  readonly times: AnnotationTimes;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal;
}

export const learningManifest = z.object({
  recording: z.string(),
  options: z.record(z.string(), z.unknown()),
  learning: z.record(z.string(), z.unknown()),
});

/** What surrounds active learning, where that is not standard. */
export interface LearningContext extends Partial<Pick<Learning, 'monitor' | 'shared' | 'networks'>> {
  readonly signal?: AbortSignal;
}

/**
 * Opens a folder of active learning over a recording with labels. Options are those it was begun with, but for the
 * number of rounds, workers and backend: other options would make rounds that cannot be compared.
 * @throws UserError
 */
export async function openLearning(
  out: string,
  recording: string,
  given: Partial<RunOptions> = {},
  learn: GivenLearning = {},
  { monitor = SILENT, signal, ...places }: LearningContext = {},
): Promise<Learning> {
  const options = parseOptions({ ...given, ...absolutePaths(given), labelled: 'all' });
  // What cannot be had is said before anything is trained.
  if (given.backend !== undefined && given.backend !== 'auto') await chooseBackend(given.backend);
  if (!existsSync(recording))
    throw new UserError(`There is no folder ${recording}: expected a recording with labels.`);
  const whole = await openRecording(recording, options);
  noteCorrection(whole, monitor);
  const learning = parseLearning(await readLists(learn, whole));
  const strategy = findStrategy(learning.strategy);
  const frames = await learningFrames(whole, options, learning);
  const folder = await RunFolder.open(out);
  const stored = learningManifest.safeParse(await folder.readManifest()).data;
  if (stored === undefined && (await folder.readManifest()) !== undefined)
    throw new UserError(`${out} holds a run of another kind: choose another folder.`);
  const manifest = { recording: whole.path, options, learning };
  if (stored !== undefined) refuseChanges(out, stored, manifest);
  const [width, height] = options.size.split('x').map(Number);
  const scenes = framesByScene(frames.pool.frames);
  await folder.writeManifest(manifest);
  return {
    folder,
    shared: folder,
    ...places,
    ...frames,
    scenes,
    options,
    learning,
    size: { width, height },
    strategy,
    annotator: groundTruth,
    times: { imageMinutes: learning.imageMinutes, superpixelMinutes: learning.superpixelMinutes },
    monitor,
    ...(signal ? { signal } : {}),
  };
}

/** What may change from one call to the next: none of it bears on what a round gives. */
const FREE = new Set(['rounds', 'workers', 'backend']);

/** @throws UserError where a folder was begun with something else than is asked for now */
export function refuseChanges(
  out: string,
  before: z.output<typeof learningManifest>,
  now: z.output<typeof learningManifest>,
): void {
  if (before.recording !== now.recording)
    throw new UserError(
      `${out} was made from ${before.recording}: choose another folder for ${now.recording}.`,
    );
  // An option that came with a later version was what it is where nobody says.
  const was = {
    options: { ...parseOptions({}), ...before.options },
    learning: { ...parseLearning({}), ...before.learning },
  } as Record<'options' | 'learning', Record<string, unknown>>;
  for (const group of ['options', 'learning'] as const)
    for (const [name, value] of Object.entries(now[group]))
      if (!FREE.has(name) && !isDeepStrictEqual(was[group][name], value))
        throw new UserError(
          `${out} was begun with ${sayOption(name, was[group][name])}: choose another folder for ${sayOption(name, value)}.`,
        );
}
