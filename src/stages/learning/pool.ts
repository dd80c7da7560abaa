import { concatMap, filter, map, type Observable, type OperatorFunction, of, tap } from 'rxjs';
import { type Frame, frameName } from '../../frame.js';
import { pull } from '../../operators/pull.js';
import { readFrames } from '../../operators/read-frames.js';
import { skipBadFrames } from '../../operators/skip-bad-frames.js';
import { random, seedOf } from '../../random.js';
import type { FrameEntry } from '../../sources/recording.js';
import { consensusOf } from '../../store/consensus.js';
import type { PointStore } from '../../store/point-store.js';
import type { Pool, PoolFrame } from '../../strategies/strategy.js';
import { type FrameId, ORIGIN, trainingLabelTable } from '../../tables/frame-tables.js';
import { footprintsOf } from '../footprints.js';
import { type Progress, SILENT } from '../monitor.js';
import type { StageNetwork } from '../network.js';
import { inFlight, observeScene } from '../observe.js';
import { storedSuperpixels } from '../origins.js';
import { listScenes, type Scene } from '../scene.js';
import { scoreScene } from '../score.js';
import { type LabelledSuperpixels, surfacesOf } from '../surfaces.js';
import type { Round } from './round.js';

/**
 * What a strategy may ask of a round; read and computed when it does.
 * @param images what the round may label, in images' worth of pixels
 */
export async function roundPool(
  { number, run, labels }: Round,
  network: Omit<StageNetwork, 'close'>,
  images: number,
  progress: Progress,
): Promise<Pool> {
  const { size, recording, options, validation, monitor } = run;
  const scenes = await listScenes(run, network.key);
  const keys = new Map(scenes.map((scene) => [scene.name, scene.keys.frames]));
  const superpixelsOf = (frame: FrameId) =>
    storedSuperpixels(run, frame, keys.get(frame.scene)!.get(frame.id)!);
  const maskOf = async (frame: FrameId) =>
    labels.mask(frame, size, labels.pixelsOf(frame) > 0 ? (await superpixelsOf(frame))?.ids : undefined);
  const poolFrame = ({ scene, id }: FrameId): PoolFrame => ({
    scene,
    id,
    labelledPixels: labels.pixelsOf({ scene, id }),
  });
  const trained = trainingLabelTable(run.folder);
  const { key } = run.trainingLabels!;

  const labelledSuperpixels = async (frame: FrameId): Promise<LabelledSuperpixels | undefined> => {
    const stored = await trained.read(frame, key);
    const superpixels = stored && (await superpixelsOf(frame));
    if (stored === undefined || superpixels === undefined) return undefined;
    const { ids, count } = superpixels;
    const mask = labels.mask(frame, size, ids);
    const given = new Uint32Array(count);
    const known = new Uint32Array(count);
    for (let i = 0; i < ids.length; i++) {
      given[ids[i]] += mask[i];
      if (mask[i] === 1 || stored.origin[i] === ORIGIN.carried) known[ids[i]]++;
    }
    return { given, known };
  };

  const frames = recording.frames.filter((entry) => !validation.has(frameName(entry)));
  const open = frames.filter((entry) => labels.pixelsOf(entry) < size.width * size.height);
  const openNames = new Set(open.map(frameName));
  const each = <T>(some: readonly FrameEntry[], look: OperatorFunction<Frame, T>): Observable<T> =>
    pull(some, inFlight(run), (entry) =>
      of(entry).pipe(
        readFrames(recording, size),
        look,
        skipBadFrames((error) => monitor.warn(`skipped ${frameName(entry)}: ${error.message}`)),
        tap({ complete: () => progress.advance() }),
      ),
    );

  const quiet = { ...run, monitor: SILENT };
  const told = new Set<string>();
  /** Asks the network for what is not stored. Tells of a scene once: how far it is, and which frames are bad. */
  const observed = (scene: Scene) => {
    const isNews = !told.has(scene.name);
    told.add(scene.name);
    const shown = isNews ? progress : SILENT.begin('choose', scene.entries.length, 'frames');
    return observeScene(isNews ? run : quiet, scene, network.maps, shown);
  };

  const consensusViews = (scene: Scene, store: PointStore) =>
    footprintsOf(quiet, scene).pipe(
      filter((frame) => openNames.has(frameName(frame))),
      concatMap(async (frame) => ({
        frame: poolFrame(frame),
        consensus: await consensusOf(store, frame.footprint),
        labelled: await maskOf(frame),
      })),
    );

  return {
    round: number,
    size,
    classes: recording.classes.length,
    images,
    frames: frames.map(poolFrame),
    random: (purpose) => random(seedOf(options.seed, purpose, number)),
    views: () =>
      each(
        open,
        concatMap(async (frame) => ({
          frame: poolFrame(frame),
          map: await (await network.segmenter()).predict(frame),
          labelled: await maskOf(frame),
        })),
      ),
    features: () =>
      each(
        frames,
        concatMap(async (frame) => ({
          frame: poolFrame(frame),
          features: await (await network.segmenter()).describe(frame),
        })),
      ),
    surfaces: () =>
      pull(scenes, 1, (scene) =>
        of(scene).pipe(
          concatMap(observed),
          concatMap((one) => scoreScene(run, one)),
          concatMap((one) => surfacesOf(run, one, labelledSuperpixels)),
          map((found) => ({
            ...found,
            candidates: found.candidates.filter(
              ({ frame }) => !validation.has(frameName({ scene: found.scene, id: frame })),
            ),
          })),
        ),
      ),
    consensus: () =>
      pull(scenes, 1, (scene) =>
        of(scene).pipe(
          concatMap(observed),
          concatMap(async ({ points }) => {
            points.close(); // asked voxel by voxel, which is the CPU's kind of work
            return points.onCpu();
          }),
          concatMap((store) => consensusViews(scene, store)),
        ),
      ),
  };
}
