import { mergeMap, type Observable, of, pipe } from 'rxjs';
import type { BadFrameError } from '../errors.js';
import { type Frame, frameName, IGNORE } from '../frame.js';
import { digest } from '../hash.js';
import { LabelState } from '../labels/label-state.js';
import { SurfaceVotes } from '../labels/surface-votes.js';
import { pull } from '../operators/pull.js';
import { readFrames } from '../operators/read-frames.js';
import { skipBadFrames } from '../operators/skip-bad-frames.js';
import { stored } from '../operators/stored.js';
import { footprintOf } from '../store/footprint.js';
import {
  type FrameFootprint,
  type FrameId,
  type FrameLabels,
  footprintTable,
  frameInfo,
  ORIGIN,
  trainingLabelTable,
} from '../tables/frame-tables.js';
import { readParquet, writeParquet } from '../tables/parquet.js';
import type { RunFolder } from '../tables/run-folder.js';
import { LABELS, type LabelRow } from '../tables/schemas.js';
import type { Learning } from './learning.js';
import { superpixelsOf } from './observe.js';
import { storedSuperpixels } from './origins.js';
import type { Run } from './run.js';
import { listScenes, type Scene } from './scene.js';

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
  const folder = roundFolder(learning, number);
  const carries = strategy.carriesLabels === true;
  const key = digest('training labels', VERSION, options.size, options.voxel, carries, rows);
  const table = trainingLabelTable(folder);
  const names = new Set<string>();
  const untrained: Run = {
    ...{ folder, shared, recording: pool, options, size, scenes, monitor },
    ...{ training: names, validation },
    // Later rounds train on what their strategy chose: a network of theirs is of no use to others.
    ...(networks && number === 0 ? { networks } : {}),
    ...(signal ? { signal } : {}),
  };
  let carriedPixels = 0;
  let pseudoPixels = 0;
  const before = number > 0 ? pseudoLabelTable(roundFolder(learning, number - 1)) : undefined;
  for (const scene of await listScenes(untrained, 'none')) {
    const people = await labelledByPeople(learning, untrained, scene, labels);
    const carried = carries ? await carriedLabels(untrained, scene, people) : new Map<string, Uint8Array>();
    for (const entry of scene.entries) {
      if (validation.has(frameName(entry))) continue;
      const pseudo = await before?.read(entry);
      const frame = merge(size.width * size.height, [
        [people.get(entry.id), ORIGIN.person],
        [carried.get(entry.id), ORIGIN.carried],
        [pseudo?.label, ORIGIN.network],
      ]);
      if (frame.label.every((label) => label === IGNORE)) continue;
      for (const origin of frame.origin) {
        if (origin === ORIGIN.carried) carriedPixels++;
        if (origin === ORIGIN.network) pseudoPixels++;
      }
      await table.write(entry, key, frame);
      names.add(frameName(entry));
    }
  }
  const of = async (frame: FrameId) => {
    const found = await table.read(frame, key);
    if (found === undefined) throw new Error(`the training labels of ${frameName(frame)} have gone`);
    return found.label;
  };
  const run: Run = { ...untrained, trainingLabels: { key, of } };
  return { number, run, labels, carriedPixels, pseudoPixels };
}

/** The first that says something of a pixel is believed. */
function merge(pixels: number, layers: readonly (readonly [Uint8Array | undefined, number])[]): FrameLabels {
  const label = new Uint8Array(pixels).fill(IGNORE);
  const origin = new Uint8Array(pixels);
  for (const [layer, from] of layers)
    for (let i = 0; layer !== undefined && i < pixels; i++)
      if (label[i] === IGNORE && layer[i] !== IGNORE) {
        label[i] = layer[i];
        origin[i] = from;
      }
  return { label, origin };
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

/** What those labels say of the other pixels of the scene's surfaces, by frame id. */
async function carriedLabels(
  run: Run,
  scene: Scene,
  people: ReadonlyMap<string, Uint8Array>,
): Promise<Map<string, Uint8Array>> {
  const carried = new Map<string, Uint8Array>();
  if (people.size === 0) return carried;
  const votes = new SurfaceVotes(run.recording.classes.length);
  await footprintsOf(run, scene).forEach(({ id, footprint }) => {
    const labels = people.get(id);
    if (labels !== undefined) votes.add(footprint, labels);
  });
  await footprintsOf(run, scene).forEach(({ id, footprint }) => {
    carried.set(id, votes.carry(footprint).labels);
  });
  return carried;
}

/** A scene's footprints, one at a time; made where they are not stored. Bad frames are left out. */
export function footprintsOf(run: Run, scene: Scene): Observable<FrameFootprint> {
  const cut = superpixelsOf(run, scene);
  const footprints = stored(
    footprintTable(run.shared),
    (entry: Scene['entries'][number]) => scene.keys.frames.get(entry.id)!.footprint,
    pipe(
      readFrames(run.recording, run.size),
      mergeMap((frame: Frame) =>
        of(frame).pipe(
          cut,
          mergeMap(async (superpixels) => ({
            scene: frame.scene,
            id: frame.id,
            info: frameInfo(frame),
            footprint: footprintOf(frame, superpixels, run.options.voxel),
          })),
        ),
      ),
    ),
  );
  return pull(scene.entries, 1, (entry) =>
    of(entry).pipe(
      footprints,
      skipBadFrames((error: BadFrameError) =>
        run.monitor.warn(`skipped ${frameName(entry)}: ${error.message}`),
      ),
    ),
  );
}
