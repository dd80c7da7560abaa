import { map, type OperatorFunction } from 'rxjs';
import { BadFrameError, UserError } from '../errors.js';
import { type Frame, frameName } from '../frame.js';
import type { GpuProbabilityMap, ProbabilityMap } from '../model/probability-map.js';
import { readProbabilities } from '../sources/probability-files.js';
import { readArrowMetadata } from '../tables/arrow.js';
import { type FrameTable, probabilityTable } from '../tables/frame-tables.js';
import { PROBABILITIES } from '../tables/schemas.js';
import { sceneKeys } from './keys.js';
import { networkKeys, type Segmentation, stageNetwork } from './network.js';
import { ownFileOf } from './origins.js';
import { ownOrStored } from './own-or-stored.js';
import type { Run } from './run.js';
import type { Scene } from './scene.js';

/** What gives a run's frames their probabilities where none are stored; started when the first frame asks for it. */
export interface ProbabilitySource {
  /** As `Segmenter.key`, known before anything is started. */
  readonly key: string;
  readonly maps: Segmentation;
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
function storedMapsOnly(key: string): ProbabilitySource {
  return refusing(key, (frame) => {
    throw new UserError(`${frameName(frame)} has no stored probabilities: run viewal infer first.`);
  });
}

/**
 * Stored maps alone, those of the network in a model folder and the run's options. With the backend `auto` they may have
 * been made on another one than would be chosen now.
 * @throws UserError where the folder holds no network
 */
export async function storedNetworkMaps(run: Run, modelFolder: string): Promise<ProbabilitySource> {
  const keys = await networkKeys(run.options, modelFolder);
  for (const key of keys) if (await hasMapsOf(run, key)) return storedMapsOnly(key);
  return storedMapsOnly(keys[0]);
}

/** Whether the first of the stored maps goes by this key. */
async function hasMapsOf(run: Run, key: string): Promise<boolean> {
  for (const entry of run.recording.frames) {
    const { own, probabilities } = (await sceneKeys(run, [entry], key)).frames.get(entry.id)!;
    if (own.probabilities !== undefined) continue;
    const stored = await readArrowMetadata(run.folder.frameFile(PROBABILITIES.name, entry));
    if (stored !== undefined) return stored.key === probabilities;
  }
  return false;
}

function refusing(key: string, refuse: (frame: Frame) => ProbabilityMap): ProbabilitySource {
  return { key, maps: { onCpu: map(refuse), onGpu: undefined }, close: async () => {} };
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
  return stageNetwork(run, modelFolder, run.options.draws);
}

/** Each frame's probability map: the user's own, a stored one, or one from `source`, which is then stored. */
export function segmentation(run: Run, scene: Scene, { maps }: ProbabilitySource): Segmentation {
  const keysOf = (frame: Frame) => scene.keys.frames.get(frame.id)!;
  const kept = <Map>(
    table: FrameTable<Map | ProbabilityMap>,
    compute: OperatorFunction<Frame, Map | ProbabilityMap>,
  ) =>
    ownOrStored({
      table,
      keyOf: (frame) => keysOf(frame).probabilities,
      ownOf: (frame) => keysOf(frame).own.probabilities,
      readOwn: (own, frame) => readProbabilities(own.path, frame),
      compute,
    });
  const table = probabilityTable(run.folder);
  return {
    onCpu: kept(table, maps.onCpu),
    onGpu: maps.onGpu && kept(writingFromGpu(table), maps.onGpu),
  };
}

/** The same table; a map of the GPU is copied from there to be written, and released should that fail. */
function writingFromGpu(table: FrameTable<ProbabilityMap>): FrameTable<ProbabilityMap | GpuProbabilityMap> {
  return {
    read: table.read,
    async write(frame, key, map) {
      if ('data' in map) return table.write(frame, key, map);
      try {
        await table.write(frame, key, await map.read());
      } catch (error) {
        map.release();
        throw error;
      }
    },
  };
}
