import { frameName, IGNORE } from '../../frame.js';
import { SurfaceVotes } from '../../labels/surface-votes.js';
import {
  type FrameId,
  type FrameLabels,
  type FrameTable,
  ORIGIN,
  trainingLabelTable,
} from '../../tables/frame-tables.js';
import { footprintsOf } from '../footprints.js';
import type { Run, TrainingLabels } from '../run.js';
import { listScenes, type Scene } from '../scene.js';

/** What frames are trained on, pixel by pixel. */
export interface LabelSources {
  /** @returns H×W labels of those frames of the scene that people labelled, by id; `IGNORE` where nobody did */
  people(scene: Scene): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Whether labels are carried to other views of what they are of. */
  readonly carries: boolean;
  /** Labels that a network gave, where neither people nor other views say anything. */
  readonly pseudo?: FrameTable<FrameLabels> | undefined;
}

/** A run that is trained on such labels. */
export interface LabelledRun {
  readonly run: Run & { readonly trainingLabels: TrainingLabels };
  /** Pixels with labels that nobody gave. */
  readonly carriedPixels: number;
  readonly pseudoPixels: number;
}

/**
 * Writes what a run trains on, pixel by pixel, and gives the run with that in place of the recording's own labels; frames for
 * validation are left out.
 * @param key of all that the labels follow from
 */
export async function withTrainingLabels(
  run: Run,
  key: string,
  { people, carries, pseudo }: LabelSources,
  onFrame: () => void = () => {},
): Promise<LabelledRun> {
  const table = trainingLabelTable(run.folder);
  const pixels = run.size.width * run.size.height;
  const training = new Set<string>();
  let carriedPixels = 0;
  let pseudoPixels = 0;
  for (const scene of await listScenes(run, 'none')) {
    const given = await people(scene);
    const carried = carries ? await carriedLabels(run, scene, given, onFrame) : new Map<string, Uint8Array>();
    for (const entry of scene.entries) {
      if (!carries) onFrame();
      if (run.validation.has(frameName(entry))) continue;
      const frame = merge(pixels, [
        [given.get(entry.id), ORIGIN.person],
        [carried.get(entry.id), ORIGIN.carried],
        [(await pseudo?.read(entry))?.label, ORIGIN.network],
      ]);
      if (frame.label.every((label) => label === IGNORE)) continue;
      for (const origin of frame.origin) {
        if (origin === ORIGIN.carried) carriedPixels++;
        if (origin === ORIGIN.network) pseudoPixels++;
      }
      await table.write(entry, key, frame);
      training.add(frameName(entry));
    }
  }
  const of = async (frame: FrameId) => {
    const found = await table.read(frame, key);
    if (found === undefined) throw new Error(`the training labels of ${frameName(frame)} have gone`);
    return found.label;
  };
  return { run: { ...run, training, trainingLabels: { key, of } }, carriedPixels, pseudoPixels };
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

/** What those labels say of the other pixels of the scene's surfaces, by frame id. */
async function carriedLabels(
  run: Run,
  scene: Scene,
  people: ReadonlyMap<string, Uint8Array>,
  onFrame: () => void,
): Promise<Map<string, Uint8Array>> {
  const carried = new Map<string, Uint8Array>();
  if (people.size === 0) return carried;
  const votes = new SurfaceVotes(run.recording.classes.length);
  const labelled = scene.entries.filter(({ id }) => people.has(id));
  await footprintsOf(run, { ...scene, entries: labelled }).forEach(({ id, footprint }) => {
    votes.add(footprint, people.get(id)!);
  });
  await footprintsOf(run, scene).forEach(({ id, footprint }) => {
    carried.set(id, votes.carry(footprint).labels);
    onFrame();
  });
  return carried;
}
