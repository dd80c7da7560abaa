import { frameName } from '../frame.js';
import { digest } from '../hash.js';
import type { FrameEntry } from '../sources/recording.js';
import { PROBABILITIES, SUPERPIXELS } from '../tables/schemas.js';
import { type FrameKeys, ownFileOf } from './origins.js';
import type { Run } from './run.js';

/**
 * Versions of what computes each table: raised when its results change, so that older files are made again.
 */
const VERSION = { superpixels: 1, footprints: 1, incidences: 2, points: 1, scores: 4, picks: 2 };

/** What a scene's tables are computed from. */
export interface SceneKeys {
  readonly frames: ReadonlyMap<string, FrameKeys>;
  readonly points: string;
  /** Of the scene's file of the frames table. */
  readonly frameRows: string;
  readonly scores: string;
  readonly picks: string;
}

/**
 * Keys of everything that a scene's tables are computed from, before anything is computed: inputs, network and the
 * options that bear on each table, and no others. A bad frame is bad by its inputs, so it needs no mention.
 *
 * @param segmenterKey digest of the network and its options; see `Segmenter.key`
 */
export async function sceneKeys(
  run: Run,
  entries: readonly FrameEntry[],
  segmenterKey: string,
): Promise<SceneKeys> {
  const { options } = run;
  const frames = new Map<string, FrameKeys>();
  for (const entry of entries) {
    const own = {
      superpixels: await ownFileOf(run, SUPERPIXELS, entry),
      probabilities: await ownFileOf(run, PROBABILITIES, entry),
    };
    const frame = digest(entry.fingerprint, options.size);
    const superpixels =
      own.superpixels?.key ?? digest('seeds', VERSION.superpixels, frame, options.superpixelCount);
    const probabilities = own.probabilities?.key ?? digest('segment', frame, segmenterKey);
    const footprint = digest('footprint', VERSION.footprints, frame, superpixels, options.voxel);
    const incidences = digest('bin', VERSION.incidences, frame, superpixels, probabilities, options.voxel);
    frames.set(entry.id, { superpixels, footprint, probabilities, incidences, own });
  }
  const points = digest(
    'points',
    VERSION.points,
    // A label file that cannot be read makes its frame bad.
    entries.map((entry) => [entry.id, entry.labelFingerprint, frames.get(entry.id)?.incidences]),
  );
  const scores = digest('scores', VERSION.scores, points, options.views);
  const names = entries.map(frameName);
  const labelled = [run.training, run.validation].map((set) => names.filter((name) => set.has(name)));
  const bad = run.recording.bad.filter(({ scene }) => scene === entries[0]?.scene);
  const frameRows = digest('frames', points, labelled, bad);
  const picks = digest('picks', VERSION.picks, scores, labelled, options.budget, run.recording.frames.length);
  return { frames, points, frameRows, scores, picks };
}
