import { map, type OperatorFunction } from 'rxjs';
import { BadFrameError, UserError } from '../errors.js';
import { type Frame, frameName } from '../frame.js';
import type { ProbabilityMap } from '../model/probability-map.js';
import { segment } from '../operators/segment.js';
import { readProbabilities } from '../sources/probability-files.js';
import { probabilityTable } from '../tables/frame-tables.js';
import { PROBABILITIES } from '../tables/schemas.js';
import { stageNetwork } from './network.js';
import { ownFileOf } from './origins.js';
import { ownOrStored } from './own-or-stored.js';
import type { Run } from './run.js';
import type { Scene } from './scene.js';

/** What gives a run's frames their probabilities where none are stored; started when the first frame asks for it. */
export interface ProbabilitySource {
  /** As `Segmenter.key`, known before anything is started. */
  readonly key: string;
  readonly compute: OperatorFunction<Frame, ProbabilityMap>;
  /** Ends what was started. */
  close(): Promise<void>;
}

/** The user's own maps alone: a frame without one cannot be used. */
export function ownMapsOnly(run: Run): ProbabilitySource {
  return refusing('own maps', (frame) => {
    throw new BadFrameError(frameName(frame), `has no map in ${run.options.probabilities}`);
  });
}

/** Stored maps alone, those that a network with this key made: where one is missing, the run stops. */
export function storedMapsOnly(key: string): ProbabilitySource {
  return refusing(key, (frame) => {
    throw new UserError(`${frameName(frame)} has no stored probabilities: run viewal infer first.`);
  });
}

function refusing(key: string, refuse: (frame: Frame) => ProbabilityMap): ProbabilitySource {
  return { key, compute: map(refuse), close: async () => {} };
}

/** Whether every frame has a map of the user's own, so that no network is needed. */
export async function hasOwnMaps(run: Run): Promise<boolean> {
  let own = 0;
  for (const entry of run.recording.frames)
    if ((await ownFileOf(run, PROBABILITIES, entry)) !== undefined) own++;
  if (run.options.probabilities !== null && own === 0)
    throw new UserError(
      `${run.options.probabilities} has no map of any frame: expected files such as ${frameName(run.recording.frames[0])}.npy.`,
    );
  return run.options.probabilities !== null || own === run.recording.frames.length;
}

/**
 * MC dropout with the network in a model folder and the run's options.
 * @throws UserError where the folder holds no network
 */
export async function networkMaps(run: Run, modelFolder: string): Promise<ProbabilitySource> {
  const { key, segmenter, close } = await stageNetwork(run, modelFolder, run.options.draws);
  return { key, compute: segment(segmenter), close };
}

/** Each frame's probability map: the user's own, a stored one, or one from `source`, which is then stored. */
export function segmentation(
  run: Run,
  scene: Scene,
  source: ProbabilitySource,
): OperatorFunction<Frame, ProbabilityMap> {
  const keysOf = (frame: Frame) => scene.keys.frames.get(frame.id)!;
  return ownOrStored({
    table: probabilityTable(run.folder),
    keyOf: (frame) => keysOf(frame).probabilities,
    ownOf: (frame) => keysOf(frame).own.probabilities,
    readOwn: (own, frame) => readProbabilities(own.path, frame),
    compute: source.compute,
  });
}
