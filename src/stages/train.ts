import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { BadFrameError, UserError } from '../errors.js';
import { frameName } from '../frame.js';
import { digest } from '../hash.js';
import { startBackend } from '../model/backend.js';
import { loadTraining, MODEL_FILE, saveNetwork, saveTraining, TRAINING_FILE } from '../model/checkpoint.js';
import { initialNetwork } from '../model/network.js';
import type { LabelledImage } from '../model/training/crop.js';
import {
  initialState,
  TRAINING_DEFAULTS,
  Trainer,
  type TrainingSet,
  type TrainingState,
} from '../model/training/train.js';
import type { FrameEntry } from '../sources/recording.js';
import { readParquet, writeParquet } from '../tables/parquet.js';
import { HISTORY, type HistoryRow } from '../tables/schemas.js';
import type { Run } from './run.js';

/** Raised when the same inputs come to give another network. */
const VERSION = 1;
/** Steps between two saves: what a killed process loses at most. */
const SAVE_EVERY = 25;

/**
 * Trains the network on the run's training frames, from scratch (paper, §3.1), and writes the model folder and the
 * history table. Does nothing where they are current; goes on where a killed process stopped.
 *
 * @returns the model folder: the run's own, or the one given as an option
 * @throws UserError where there is nothing to train on
 */
export async function trainStage(run: Run): Promise<string> {
  const { folder, options, recording, monitor } = run;
  if (options.model !== null) return options.model;
  const frames = recording.frames.filter((entry) => run.training.has(frameName(entry)));
  if (frames.length === 0)
    throw new UserError(
      `${recording.path} has no labelled frames to train on: expected labels, or --model <folder>, or --probabilities <folder>.`,
    );

  if (recording.classes.length < 2)
    throw new UserError(
      `Expected labels of at least 2 classes, ${recording.path} has ${recording.classes.length}.`,
    );
  const config = { width: options.width, head: options.head, classes: recording.classes.length };
  const settings = { ...TRAINING_DEFAULTS, seed: options.seed, steps: options.steps };
  const key = digest(
    'train',
    VERSION,
    config,
    settings,
    options.size,
    frames.map((e) => [frameName(e), e.fingerprint, e.labelFingerprint]),
  );
  const historyFile = folder.runFile(HISTORY.name);
  const modelFile = join(folder.modelFolder, MODEL_FILE);
  const trainingFile = join(folder.modelFolder, TRAINING_FILE);

  const known = await readParquet(historyFile, HISTORY, key);
  if (known?.length === options.steps && existsSync(modelFile)) return folder.modelFolder;

  const images = await trainingImages(run, frames);
  let state: TrainingState;
  let history: HistoryRow[] = [];
  if (known !== undefined && existsSync(trainingFile)) {
    state = await loadTraining(folder.modelFolder);
    history = known.slice(0, state.step);
    monitor.note(`going on with training after step ${state.step}`);
  } else {
    await rm(modelFile, { force: true });
    await rm(trainingFile, { force: true });
    await writeParquet(historyFile, HISTORY, key, []);
    state = initialState(initialNetwork(config, recording.classes, options.seed), settings, images.count);
  }

  await startBackend(options.backend);
  const trainer = new Trainer(state, images);
  const progress = monitor.begin('train', options.steps, 'steps', state.step);
  try {
    for await (const { step, loss, learningRate } of trainer.run()) {
      if (!Number.isFinite(loss))
        throw new UserError(
          `Training diverged: the loss of step ${step} is ${loss}; nothing of it was saved.`,
        );
      history.push({ step, epoch: 1, loss, learning_rate: learningRate });
      progress.advance(1, `loss ${loss.toFixed(3)}`);
      await setImmediate(); // a step is one long task: let the bar be drawn and signals be heard
      if (step % SAVE_EVERY === 0 && step < options.steps) {
        await writeParquet(historyFile, HISTORY, key, history);
        await saveTraining(folder.modelFolder, trainer.state());
      }
    }
    await writeParquet(historyFile, HISTORY, key, history);
    await saveNetwork(folder.modelFolder, trainer.state().network, options.steps);
    await rm(trainingFile, { force: true });
  } finally {
    progress.end();
    trainer.dispose();
  }
  return folder.modelFolder;
}

/** Images kept in memory, some 0.3 MB each at 320×240; those of a larger set are decoded again when drawn. */
const MAX_KEPT = 1000;

/** The labelled images, each read once to see that it can be; bad ones are reported and left out. */
async function trainingImages(run: Run, frames: readonly FrameEntry[]): Promise<TrainingSet> {
  const usable: FrameEntry[] = [];
  const kept: LabelledImage[] = [];
  for (const entry of frames) {
    try {
      const image = await labelledImage(run, entry);
      if (usable.push(entry) <= MAX_KEPT) kept.push(image);
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error;
      run.monitor.warn(`not trained on ${frameName(entry)}: ${error.message}`);
    }
  }
  if (usable.length === 0)
    throw new UserError(`None of the ${frames.length} labelled frames of ${run.recording.path} can be read.`);
  return { count: usable.length, load: (i) => kept[i] ?? labelledImage(run, usable[i]) };
}

async function labelledImage(run: Run, entry: FrameEntry): Promise<LabelledImage> {
  const { width, height, colour, labels } = await run.recording.read(entry, run.size);
  if (labels === undefined) throw new BadFrameError(frameName(entry), 'has no labels');
  return { width, height, colour, labels };
}
