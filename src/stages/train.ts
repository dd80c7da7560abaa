import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BadFrameError, InterruptedError, UserError } from '../errors.js';
import { frameName } from '../frame.js';
import { digest } from '../hash.js';
import { chooseBackend } from '../model/backend.js';
import {
  loadNetwork,
  loadTraining,
  MODEL_FILE,
  saveNetwork,
  saveTraining,
  TRAINING_FILE,
} from '../model/checkpoint.js';
import type { LabelledImage } from '../model/training/crop.js';
import type { TrainingOptions } from '../model/training/recipe.js';
import type { ImageSet } from '../model/training/samples.js';
import { initialState, type TrainingState } from '../model/training/state.js';
import { Trainer, type TrainingStep } from '../model/training/trainer.js';
import type { FrameEntry } from '../sources/recording.js';
import { readParquet, writeParquet } from '../tables/parquet.js';
import { HISTORY, type HistoryRow, VALIDATION, type ValidationRow } from '../tables/schemas.js';
import { pretrainedBackbone, startingNetwork, whyRandom } from './initialise.js';
import type { Monitor } from './monitor.js';
import type { Run } from './run.js';
import { networkConfig, trainingRecipe } from './training-plan.js';

/** Raised when the same inputs come to give another network. */
const VERSION = 2;
/** @throws UserError if training is to converge on validation frames and there are none */
function requireConvergence({ options, validation, monitor }: Run, recipe: TrainingOptions): void {
  if (recipe.patience === null || validation.size > 0) return;
  if (options.patience !== null)
    throw new UserError('Option patience: expected frames to validate on, for instance --validation 10%.');
  monitor.note(
    `no frame is held out to validate on: training takes all of ${recipe.steps} steps and keeps the last network`,
  );
}

/** Milliseconds between two saves: what a killed process loses at most. */
const SAVE_EVERY = 10_000;

/**
 * Trains the network on the run's training frames, from scratch (paper, §3.1), and writes the model folder and the
 * history and validation tables. The network is the best on the validation frames, where there are any, else the last.
 * Does nothing where all are current; goes on where an interrupted or killed process stopped.
 *
 * @returns the model folder: the run's own, or the one given as an option
 * @throws UserError where there is nothing to train on
 * @throws InterruptedError when the run's signal aborts, once all is saved
 */
export async function trainStage(run: Run): Promise<string> {
  const { folder, options, recording, monitor, signal } = run;
  if (options.model !== null) return options.model;
  const [training, validation] = [run.training, run.validation].map((names) =>
    recording.frames.filter((entry) => names.has(frameName(entry))),
  );
  if (training.length === 0)
    throw new UserError(
      `${recording.path} has no labelled frames to train on: expected labels, or --model <folder>, or --probabilities <folder>.`,
    );
  if (recording.classes.length < 2)
    throw new UserError(
      `Expected labels of at least 2 classes, ${recording.path} has ${recording.classes.length}.`,
    );

  const config = networkConfig(options, recording.classes.length);
  const backbone = await pretrainedBackbone(options, config.width);
  const labels = (frames: readonly FrameEntry[]) =>
    frames.map((entry) => [frameName(entry), entry.fingerprint, entry.labelFingerprint]);
  const key = digest(
    'train',
    VERSION,
    config,
    recording.classes,
    trainingRecipe(options, training.length),
    // What `auto` finds may come and go with the machine's cache: a network made with it stays.
    options.init === 'auto' ? 'auto' : (backbone?.sha256 ?? 'random'),
    chooseBackend(options.backend),
    options.size,
    labels(training),
    labels(validation),
  );
  const files = new TrainingFiles(run, key);
  if (await files.isDone()) return folder.modelFolder;

  const images = await labelledImages(run, training, 'trained on');
  const held = validation.length > 0 ? await labelledImages(run, validation, 'validated on') : undefined;
  requireConvergence(run, trainingRecipe(options, images.count));
  let state = await files.resume();
  if (state !== undefined && state.images !== images.count) {
    monitor.warn(
      `training begins anew: it had begun on ${state.images} images, ${images.count} can be read now`,
    );
    state = undefined;
  }
  if (state === undefined) {
    await files.begin();
    monitor.note(`training starts from ${backbone?.source ?? (await whyRandom(options, config.width))}`);
    const recipe = trainingRecipe(options, images.count);
    const network = await startingNetwork(
      config,
      recording.classes,
      backbone,
      images,
      recipe,
      options.backend,
    );
    state = initialState(network, recipe, images.count);
  } else monitor.note(`going on with training after step ${state.step}`);

  monitor.note(
    `training on ${images.count} frames, ${held ? `validating on ${held.count}` : 'validating on none'}`,
  );
  const { steps } = state.options;
  const trainer = await Trainer.open(state, images, held, {
    backend: options.backend,
    ...(options.workers ? { workers: options.workers } : {}),
  });
  const progress = monitor.begin('train', steps, 'steps', state.step);
  const onAbort = () => monitor.note('saving the training as it is; interrupt again to end at once');
  signal?.addEventListener('abort', onAbort);
  let saved = performance.now();
  let miou = state.best === undefined ? '' : `, best mIoU ${percent(state.best.miou)}`;
  try {
    for await (const step of trainer.run()) {
      if (!Number.isFinite(step.loss)) throw diverged(`the loss of step ${step.step} is ${step.loss}`);
      files.add(step);
      if (step.validation) miou = `, mIoU ${percent(step.validation.miou)}`;
      progress.advance(1, `loss ${step.loss.toFixed(3)}${miou}`);
      const isDue = performance.now() - saved >= SAVE_EVERY;
      if ((signal?.aborted || isDue) && !trainer.isDone()) {
        await files.save(await trainer.state());
        saved = performance.now();
        if (signal?.aborted) throw new InterruptedError();
      }
    }
    const end = await trainer.state();
    if (end.step < steps) monitor.note(converged(end));
    else if (end.best)
      monitor.note(
        `the network after step ${end.best.step} is kept: validation mIoU ${percent(end.best.miou)}`,
      );
    await files.finish(end);
    if (signal?.aborted) throw new InterruptedError();
  } finally {
    signal?.removeEventListener('abort', onAbort);
    progress.end();
    await trainer.close();
  }
  return folder.modelFolder;
}

function diverged(how: string): UserError {
  return new UserError(`Training diverged: ${how}; expected a lower --learning-rate.`);
}

function percent(share: number): string {
  return Number.isNaN(share) ? '–' : `${(100 * share).toFixed(1)} %`;
}

function converged({ best, options, step }: TrainingState): string {
  return `training converged after step ${step}: the validation mIoU has not risen above ${percent(best!.miou)} for ${options.patience} epochs`;
}

/** What training writes: the model folder, and tables that agree with it. */
class TrainingFiles {
  private readonly monitor: Monitor;
  private readonly modelFolder: string;
  private readonly historyFile: string;
  private readonly validationFile: string;
  private history: HistoryRow[] = [];
  private validations: ValidationRow[] = [];

  /** @param key of everything that training depends on; the history table carries it for all files */
  constructor(
    { folder, monitor }: Run,
    private readonly key: string,
  ) {
    this.monitor = monitor;
    this.modelFolder = folder.modelFolder;
    this.historyFile = folder.runFile(HISTORY.name);
    this.validationFile = folder.runFile(VALIDATION.name);
  }

  private get modelFile(): string {
    return join(this.modelFolder, MODEL_FILE);
  }

  private get trainingFile(): string {
    return join(this.modelFolder, TRAINING_FILE);
  }

  /** Whether the network is there and training needs no more of its own state. */
  async isDone(): Promise<boolean> {
    if (!existsSync(this.modelFile) || existsSync(this.trainingFile)) return false;
    if ((await readParquet(this.historyFile, HISTORY, this.key)) === undefined) return false;
    try {
      await loadNetwork(this.modelFolder);
      return true;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.monitor.warn(`training begins anew: ${error.message}`);
      return false;
    }
  }

  /** The state saved last, with the tables as they were then; undefined where there is none of this training. */
  async resume(): Promise<TrainingState | undefined> {
    const history = await readParquet(this.historyFile, HISTORY, this.key);
    if (history === undefined || !existsSync(this.trainingFile)) return undefined;
    let state: TrainingState;
    try {
      state = await loadTraining(this.modelFolder);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.monitor.warn(`training begins anew, as what was saved cannot be read: ${error.message}`);
      await rm(this.trainingFile, { force: true });
      return undefined;
    }
    const validations = (await readParquet(this.validationFile, VALIDATION, this.key)) ?? [];
    this.history = history.slice(0, state.step);
    this.validations = validations.filter(({ step }) => step <= state.step);
    return state;
  }

  /** Makes way for a new training: what is there is of another, or cannot be read. */
  async begin(): Promise<void> {
    if (existsSync(this.trainingFile))
      this.monitor.note('the training that was saved here was another one: it makes way');
    await rm(this.modelFile, { force: true });
    await rm(this.trainingFile, { force: true });
    await this.writeTables();
  }

  add({ step, epoch, loss, learningRate, validation }: TrainingStep): void {
    this.history.push({ step, epoch, loss, learning_rate: learningRate });
    if (validation === undefined) return;
    const { miou, pixelAccuracy } = validation;
    const known = (share: number) => (Number.isNaN(share) ? null : share);
    this.validations.push({
      step,
      epoch: validation.epoch,
      miou: known(miou),
      pixel_accuracy: known(pixelAccuracy),
      best: validation.isBest,
    });
  }

  /** The tables first: rows past the state are left out when it is read. */
  async save(state: TrainingState): Promise<void> {
    await this.writeTables();
    await saveTraining(this.modelFolder, state);
  }

  async finish({ network, step, best }: TrainingState): Promise<void> {
    for (const [name, { data }] of network.tensors)
      if (!data.every(Number.isFinite)) throw diverged(`after the last step ${name} is not finite`);
    await this.writeTables();
    await saveNetwork(this.modelFolder, best?.network ?? network, best?.step ?? step);
    await rm(this.trainingFile, { force: true });
  }

  private async writeTables(): Promise<void> {
    await writeParquet(this.validationFile, VALIDATION, this.key, this.validations);
    await writeParquet(this.historyFile, HISTORY, this.key, this.history);
  }
}

/** Bytes of decoded images kept in memory, of each set; what comes after them is decoded again when drawn. */
const MOST_KEPT = 300e6;

/**
 * The labelled images, each read once to see that it can be; bad ones are reported and left out.
 * @throws UserError if none can be read, or no pixel of them is labelled
 */
async function labelledImages(run: Run, frames: readonly FrameEntry[], purpose: string): Promise<ImageSet> {
  const usable: FrameEntry[] = [];
  const kept: LabelledImage[] = [];
  let bytes = 0;
  let isLabelled = false;
  for (const entry of frames) {
    try {
      const image = await labelledImage(run, entry);
      usable.push(entry);
      isLabelled ||= image.labels.some((label) => label < run.recording.classes.length);
      bytes += image.colour.byteLength + image.labels.byteLength;
      if (bytes <= MOST_KEPT) kept.push(image);
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error;
      run.monitor.warn(`not ${purpose} ${frameName(entry)}: ${error.message}`);
    }
  }
  if (usable.length === 0)
    throw new UserError(`None of the ${frames.length} labelled frames of ${run.recording.path} can be read.`);
  if (!isLabelled)
    throw new UserError(
      `The ${usable.length} frames of ${run.recording.path} to be ${purpose} have no labelled pixel.`,
    );
  return { count: usable.length, load: (i) => kept[i] ?? labelledImage(run, usable[i]) };
}

async function labelledImage(run: Run, entry: FrameEntry): Promise<LabelledImage> {
  const { width, height, colour, labels } = await run.recording.read(entry, run.size);
  if (labels === undefined) throw new BadFrameError(frameName(entry), 'has no labels');
  return { width, height, colour, labels };
}
