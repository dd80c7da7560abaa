import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { BASELINE } from '../../comparison/ranking.js';
import { UserError } from '../../errors.js';
import type { Size } from '../../frame.js';
import { chooseBackend } from '../../model/backend.js';
import { isTensorflow } from '../../model/tensorflow/tensorflow.js';
import { openRecording } from '../../sources/open.js';
import type { Recording } from '../../sources/recording.js';
import type { Strategy } from '../../strategies/strategy.js';
import { RunFolder } from '../../tables/run-folder.js';
import type { RunRow } from '../../tables/schemas.js';
import { learningFrames, readLists } from '../learning/frames.js';
import { learningManifest, refuseChanges } from '../learning/learning.js';
import { type GivenLearning, type LearningOptions, parseLearning } from '../learning/options.js';
import { type Monitor, SILENT } from '../monitor.js';
import { parseOptions, type RunOptions } from '../options.js';
import { absolutePaths, framesByScene, noteCorrection, type Run } from '../run.js';
import { pretrainedBackbone } from '../training/initialise.js';
import { networkConfig } from '../training/plan.js';
import { parseSeeds, parseStrategies } from './options.js';

/** Strategies run side by side, each with the same seeds, on the same pool and test frames. */
export interface Comparison {
  readonly folder: RunFolder;
  /** As all runs have it. */
  readonly recording: Recording;
  readonly pool: Recording;
  readonly test: Recording;
  readonly size: Size;
  /** Of every run, but for its seed. */
  readonly options: RunOptions;
  /** Of every run, but for its strategy. */
  readonly learning: LearningOptions;
  /** To run now, as are the seeds; the folder may hold results of others. */
  readonly strategies: readonly Strategy[];
  readonly seeds: readonly number[];
  /** Runs at a time. */
  readonly jobs: number;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal;
}

/** What is compared, as on the command line. */
export interface ComparisonOptions {
  readonly strategies: string;
  readonly seeds: string;
  /** One a core where not given; with TensorFlow, which takes all cores, one. */
  readonly jobs?: number;
}

/** A strategy and a seed. */
export type ComparisonRun = Pick<RunRow, 'strategy' | 'seed'>;

/** In the place of a strategy: training on all labels of the pool, what the strategies are held against. */
export const FULL = 'full';

const manifestSchema = learningManifest.extend({ strategies: z.array(z.string()), seeds: z.array(z.int()) });

/**
 * Opens a folder of compared strategies over a recording with labels. Strategies and seeds may differ from call to call:
 * results of earlier ones stay. What all runs have in common may not, as for `openLearning`.
 * @throws UserError
 */
export async function openComparison(
  out: string,
  recording: string,
  compared: ComparisonOptions,
  given: Partial<RunOptions> = {},
  learn: GivenLearning = {},
  { monitor = SILENT, signal }: { monitor?: Monitor; signal?: AbortSignal } = {},
): Promise<Comparison> {
  const strategies = parseStrategies(compared.strategies);
  const seeds = parseSeeds(compared.seeds);
  const asked = parseOptions({ ...given, ...absolutePaths(given), labelled: 'all' });
  // The threads' own notes go unheard. What cannot be had is said before anything is trained.
  const { name, reason } = await chooseBackend(asked.backend);
  if (name !== asked.backend) monitor.note(`inference is on ${name}: ${reason}`);
  // TensorFlow has threads of its own, and tfjs-node's binding shares a table among threads without a lock.
  const isAlone = isTensorflow(name);
  const jobs = compared.jobs ?? (isAlone ? 1 : availableParallelism());
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new UserError(`Option jobs: expected a whole number of at least 1, got ${jobs}.`);
  if (isAlone && jobs > 1)
    throw new UserError(
      `Option jobs: TensorFlow, which inference is on, uses all cores for one run; expected 1, or another backend.`,
    );
  const options = { ...asked, workers: asked.workers ?? (isAlone ? null : 1) };
  if (!existsSync(recording))
    throw new UserError(`There is no folder ${recording}: expected a recording with labels.`);
  const whole = await openRecording(recording, options);
  noteCorrection(whole, monitor);
  const learning = parseLearning(await readLists(learn, whole));
  // What would fail in every run fails here.
  const { pool, test } = await learningFrames(whole, { ...options, seed: seeds[0] }, learning);
  await pretrainedBackbone(options, networkConfig(options, 2).width);

  const folder = await RunFolder.open(out);
  const manifest = manifestOf(whole, options, learning, strategies, seeds);
  const stored = manifestSchema.safeParse(await folder.readManifest()).data;
  if (stored === undefined && (await folder.readManifest()) !== undefined)
    throw new UserError(`${out} holds a run of another kind: choose another folder.`);
  if (stored !== undefined) refuseChanges(out, stored, manifest);
  await folder.writeManifest(manifest);
  const [width, height] = options.size.split('x').map(Number);
  return {
    ...{ folder, recording: whole, pool, test, size: { width, height }, options, learning },
    ...{ strategies, seeds, jobs, monitor },
    ...(signal ? { signal } : {}),
  };
}

/** Each run has its own seed and strategy, so these are left out of what all have in common. */
function manifestOf(
  recording: Recording,
  { seed: _, ...options }: RunOptions,
  { strategy: __, ...learning }: LearningOptions,
  strategies: readonly Strategy[],
  seeds: readonly number[],
): z.output<typeof manifestSchema> {
  const names = strategies.map(({ name }) => name);
  return { recording: recording.path, options, learning, strategies: names, seeds: [...seeds] };
}

/** The folder of one run, as `openLearning` takes it. */
export function runFolder(
  { folder }: Pick<Comparison, 'folder'>,
  { strategy, seed }: ComparisonRun,
): RunFolder {
  return folder.within(join('runs', strategy, `seed-${seed}`));
}

/** What all runs read and none changes: superpixels and footprints. */
export function sharedFolder({ folder }: Pick<Comparison, 'folder'>): RunFolder {
  return folder.within('shared');
}

/** Networks that several runs train alike. */
export function networksFolder({ folder }: Pick<Comparison, 'folder'>): RunFolder {
  return folder.within('networks');
}

/** Options of active learning of one run. */
export function learningOf({ learning }: Comparison, strategy: string): LearningOptions {
  return strategy === FULL
    ? { ...learning, strategy: BASELINE, rounds: 0, seedSet: 100 }
    : { ...learning, strategy };
}

/** The pool as a run without labels, which writes to the shared folder. */
export function poolRun(comparison: Comparison): Run {
  const { pool, options, size, monitor, signal } = comparison;
  const shared = sharedFolder(comparison);
  return {
    ...{ folder: shared, shared, recording: pool, options, size, monitor },
    ...{ scenes: framesByScene(pool.frames), training: new Set<string>(), validation: new Set<string>() },
    ...(signal ? { signal } : {}),
  };
}
