import { IGNORE } from '../../frame.js';
import { digest } from '../../hash.js';
import { LabelState } from '../../labels/label-state.js';
import { trainingLabelTable } from '../../tables/frame-tables.js';
import { readParquet, writeParquet } from '../../tables/parquet.js';
import type { RunFolder } from '../../tables/run-folder.js';
import { LABELS, type LabelRow } from '../../tables/schemas.js';
import { storedSuperpixels } from '../origins.js';
import type { Run } from '../run.js';
import type { Scene } from '../scene.js';
import { withTrainingLabels } from '../training/labels.js';
import type { Learning } from './learning.js';

/** One turn of the loop: a network trained on what is labelled so far, and what it chooses next. */
export interface Round {
  /** From 0. */
  readonly number: number;
  /** A run of its own, in a folder of its own, over the pool. */
  readonly run: Run;
  /** What people have labelled before it. */
  readonly labels: LabelState;
  /** Pixels with labels that nobody gave. */
  readonly carriedPixels: number;
  readonly pseudoPixels: number;
}

/** Raised when the same labels come to give other training labels. */
const VERSION = 2;

export function roundFolder({ folder }: Pick<Learning, 'folder'>, round: number): RunFolder {
  return folder.within(`round-${`${round}`.padStart(2, '0')}`);
}

/** Where a round keeps the labels that its network gives for the next one. */
export function pseudoLabelTable(folder: RunFolder) {
  return trainingLabelTable(folder.within('pseudo'));
}

/** What was labelled before a round; undefined where it has not come to that round yet. */
export function readLabels(
  learning: Pick<Learning, 'folder'>,
  round: number,
): Promise<LabelRow[] | undefined> {
  return readParquet(roundFolder(learning, round).runFile(LABELS.name), LABELS, labelsKey(round));
}

/** Writing these begins a round, and so ends the one before it. */
export async function writeLabels(
  learning: Learning,
  round: number,
  rows: readonly LabelRow[],
): Promise<void> {
  await writeParquet(roundFolder(learning, round).runFile(LABELS.name), LABELS, labelsKey(round), rows);
}

/** A folder's options do not change, so a round's labels follow from its number. */
function labelsKey(round: number): string {
  return digest('labels', VERSION, round);
}

/** Opens a round and writes what it trains on, pixel by pixel. */
export async function openRound(
  learning: Learning,
  number: number,
  rows: readonly LabelRow[],
): Promise<Round> {
  const { shared, networks, pool, scenes, strategy, options, size, validation, monitor, signal } = learning;
  const labels = new LabelState(rows);
  const carries = strategy.carriesLabels === true;
  const key = digest('training labels', VERSION, options.size, options.voxel, carries, rows);
  const untrained: Run = {
    ...{ folder: roundFolder(learning, number), shared, recording: pool, options, size, scenes, monitor },
    ...{ training: new Set<string>(), validation },
    // Later rounds train on what their strategy chose: a network of theirs is of no use to others.
    ...(networks && number === 0 ? { networks } : {}),
    ...(signal ? { signal } : {}),
  };
  const people = (scene: Scene) => labelledByPeople(learning, untrained, scene, labels);
  const pseudo = number > 0 ? pseudoLabelTable(roundFolder(learning, number - 1)) : undefined;
  const labelled = await withTrainingLabels(untrained, key, { people, carries, pseudo });
  return { number, labels, ...labelled };
}

/** H×W labels of those frames of a scene that people labelled, by id. */
async function labelledByPeople(
  { annotator }: Learning,
  run: Run,
  scene: Scene,
  labels: LabelState,
): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (const entry of scene.entries) {
    if (labels.pixelsOf(entry) === 0) continue;
    const frame = await run.recording.read(entry, run.size);
    const ids = labels.isWhole(entry)
      ? undefined
      : (await storedSuperpixels(run, entry, scene.keys.frames.get(entry.id)!))?.ids;
    const mask = labels.mask(entry, run.size, ids);
    const given = await annotator.labels(frame);
    found.set(
      entry.id,
      given.map((label, i) => (mask[i] === 1 ? label : IGNORE)),
    );
  }
  return found;
}
