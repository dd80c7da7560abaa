import { constants, existsSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { writeAtomically } from '../../files.js';
import {
  loadNetwork,
  loadTraining,
  MODEL_FILE,
  saveNetwork,
  saveTraining,
  TRAINING_FILE,
} from '../../model/checkpoint.js';
import type { TrainingState } from '../../model/training/state.js';
import type { TrainingStep } from '../../model/training/trainer.js';
import { readParquet, writeParquet } from '../../tables/parquet.js';
import { HISTORY, type HistoryRow, VALIDATION, type ValidationRow } from '../../tables/schemas.js';
import type { Monitor } from '../monitor.js';
import type { Run } from '../run.js';

/** What training writes: the model folder, and tables that agree with it. */
export class TrainingFiles {
  private readonly monitor: Monitor;
  private readonly modelFolder: string;
  private readonly historyFile: string;
  private readonly validationFile: string;
  private history: HistoryRow[] = [];
  private validations: ValidationRow[] = [];

  /** @param key of everything that training depends on; the history table carries it for all files */
  constructor(
    { folder, monitor }: Pick<Run, 'folder' | 'monitor'>,
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
    this.history = [];
    this.validations = [];
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

  /** Writes the network to keep: the best on the validation frames, where there are any, else the last. */
  async finish({ network, step, best }: TrainingState): Promise<void> {
    await this.writeTables();
    await saveNetwork(this.modelFolder, best?.network ?? network, best?.step ?? step);
    await rm(this.trainingFile, { force: true });
  }

  /**
   * Copies a finished training of the same key; the network last, as it tells that all is there. Two that copy to the
   * same place at once write the same, and what is there stays whole. Another training has to make way first: `begin`.
   */
  async copyFrom(other: TrainingFiles): Promise<void> {
    for (const file of ['validationFile', 'historyFile', 'modelFile'] as const)
      await writeAtomically(this[file], (temporary) =>
        copyFile(other[file], temporary, constants.COPYFILE_FICLONE),
      );
  }

  private async writeTables(): Promise<void> {
    await writeParquet(this.validationFile, VALIDATION, this.key, this.validations);
    await writeParquet(this.historyFile, HISTORY, this.key, this.history);
  }
}
