import { existsSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { UserError } from '../errors.js';
import type { Size } from '../frame.js';
import { type AnnotationTimes, PAPER_TIMES } from '../labels/effort.js';
import { type Annotator, groundTruth } from '../labels/oracle.js';
import { openRecording } from '../sources/open.js';
import type { FrameEntry, Recording } from '../sources/recording.js';
import { findStrategy } from '../strategies/index.js';
import type { Strategy } from '../strategies/strategy.js';
import { RunFolder } from '../tables/run-folder.js';
import { labelledFrames } from './labelled-frames.js';
import { type LearningOptions, parseLearning } from './learning-options.js';
import { type Monitor, SILENT } from './monitor.js';
import { parseOptions, type RunOptions, sayOption } from './options.js';
import { absolutePaths, framesByScene } from './run.js';

/** Everything that the rounds of active learning share. */
export interface Learning {
  readonly folder: RunFolder;
  /** The recording less the test frames: what may be labelled. */
  readonly pool: Recording;
  readonly scenes: ReadonlyMap<string, readonly FrameEntry[]>;
  /** The recording's test frames: labelled, and never in the pool. */
  readonly test: Recording;
  /** Frames of the pool that choose among networks while training: never selected. */
  readonly validation: ReadonlySet<string>;
  readonly options: RunOptions;
  readonly learning: LearningOptions;
  readonly size: Size;
  readonly strategy: Strategy;
  readonly annotator: Annotator;
  readonly times: AnnotationTimes;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal;
}

const manifestSchema = z.object({
  recording: z.string(),
  options: z.record(z.string(), z.unknown()),
  learning: z.record(z.string(), z.unknown()),
});

/**
 * Opens a folder of active learning over a recording with labels. Options are those it was begun with, but for the
 * number of rounds, workers and backend: other options would make rounds that cannot be compared.
 * @throws UserError
 */
export async function openLearning(
  out: string,
  recording: string,
  given: Partial<RunOptions> = {},
  learn: Partial<LearningOptions> = {},
  { monitor = SILENT, signal }: { monitor?: Monitor; signal?: AbortSignal } = {},
): Promise<Learning> {
  const options = parseOptions({ ...given, ...absolutePaths(given), labelled: 'all' });
  const learning = parseLearning(learn);
  const strategy = findStrategy(learning.strategy);
  if (!existsSync(recording))
    throw new UserError(`There is no folder ${recording}: expected a recording with labels.`);
  const whole = await openRecording(recording, { format: options.format });
  const { pool, test } = split(whole, learning.test);
  const folder = await RunFolder.open(out);
  const stored = manifestSchema.safeParse(await folder.readManifest()).data;
  if (stored === undefined && (await folder.readManifest()) !== undefined)
    throw new UserError(`${out} holds a run of another kind: choose another folder.`);
  if (stored !== undefined) refuseChanges(out, stored, whole.path, options, learning);
  const { validation } = await labelledFrames(pool, options);
  const [width, height] = options.size.split('x').map(Number);
  const scenes = framesByScene(pool.frames);
  await folder.writeManifest({ recording: whole.path, options, learning });
  return {
    folder,
    pool,
    scenes,
    test,
    validation,
    options,
    learning,
    size: { width, height },
    strategy,
    annotator: groundTruth,
    times: PAPER_TIMES,
    monitor,
    ...(signal ? { signal } : {}),
  };
}

/** What may change from one call to the next: none of it bears on what a round gives. */
const FREE = new Set(['rounds', 'workers', 'backend']);

function refuseChanges(
  out: string,
  stored: z.output<typeof manifestSchema>,
  recording: string,
  options: RunOptions,
  learning: LearningOptions,
): void {
  if (stored.recording !== recording)
    throw new UserError(`${out} was made from ${stored.recording}: choose another folder for ${recording}.`);
  for (const [before, now] of [
    [stored.options, options],
    [stored.learning, learning],
  ] as const)
    for (const [name, value] of Object.entries(now))
      if (!FREE.has(name) && !isDeepStrictEqual(before[name], value))
        throw new UserError(
          `${out} was begun with ${sayOption(name, before[name])}: choose another folder for ${sayOption(name, value)}.`,
        );
}

/**
 * Parts the labelled frames into pool and test, by whole scenes where there are several: frames of one scene are too
 * much alike to test on.
 * @throws UserError where there are too few
 */
function split(recording: Recording, percent: number): { pool: Recording; test: Recording } {
  const labelled = recording.frames.filter((entry) => entry.labelled);
  const names = [...new Set(labelled.map(({ scene }) => scene))];
  const units = names.length > 1 ? names.length : labelled.length;
  if (units < 2)
    throw new UserError(
      `${recording.path} has ${labelled.length} labelled frames: expected at least 2, to learn from and to test on.`,
    );
  const kept = Math.min(units - 1, Math.max(1, Math.round((percent / 100) * units)));
  const held = new Set(names.slice(names.length - kept));
  const isTest = (entry: FrameEntry, i: number) =>
    names.length > 1 ? held.has(entry.scene) : i >= labelled.length - kept;
  return {
    pool: { ...recording, frames: labelled.filter((entry, i) => !isTest(entry, i)) },
    test: { ...recording, frames: labelled.filter(isTest) },
  };
}
