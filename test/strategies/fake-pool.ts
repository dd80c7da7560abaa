import { from, type Observable } from 'rxjs';
import { type ProbabilityMap, toHalves } from '../../src/model/probability-map.js';
import { random, seedOf, shuffle } from '../../src/random.js';
import type { Surfaces } from '../../src/selection/surfaces.js';
import type { Consensus } from '../../src/store/consensus.js';
import type { Pool, PoolFrame } from '../../src/strategies/strategy.js';

/** A frame of a fake pool. What it leaves out is unlabelled, evenly distributed, without features. */
export interface FakeFrame {
  readonly scene: string;
  readonly id: string;
  /** H×W×C probabilities. */
  readonly p?: readonly number[];
  /** H×W, 1 where labelled. */
  readonly labelled?: readonly number[];
  readonly features?: readonly number[];
  /** Left out: no view sees anything. */
  readonly consensus?: Consensus;
}

export interface FakePoolOptions {
  readonly width: number;
  readonly height: number;
  readonly classes?: number;
  readonly round?: number;
  readonly images?: number;
  readonly seed?: number;
  /** In which order streams come; 0 as given. */
  readonly arrival?: number;
  readonly surfaces?: readonly Surfaces[];
}

/** A pool of frames held in memory, sorted by scene and id, with streams in an order of the test's choice. */
export function fakePool(
  frames: readonly FakeFrame[],
  { width, height, classes = 2, round = 0, images = 1, seed = 1, arrival = 0, surfaces }: FakePoolOptions,
): Pool {
  const area = width * height;
  const held = frames
    .map(({ scene, id, p, labelled, features, consensus = unseen(area) }) => {
      const mask = Uint8Array.from(labelled ?? new Uint8Array(area));
      const frame: PoolFrame = { scene, id, labelledPixels: mask.reduce((sum, one) => sum + one, 0) };
      const data = toHalves(Float32Array.from(p ?? new Array(area * classes).fill(1 / classes)));
      const map: ProbabilityMap = { width, height, classes, data };
      return { frame, map, labelled: mask, features: Float32Array.from(features ?? []), consensus };
    })
    .sort((a, b) => (`${a.frame.scene}/${a.frame.id}` < `${b.frame.scene}/${b.frame.id}` ? -1 : 1));
  const arriving = <T>(items: T[]): Observable<T> =>
    from(arrival === 0 ? items : shuffle(items, random(seedOf(arrival))));
  const open = held.filter(({ frame }) => frame.labelledPixels < area);
  const missing = (what: string) => () => {
    throw new Error(`This pool has no ${what}.`);
  };
  return {
    round,
    size: { width, height },
    classes,
    images,
    frames: held.map(({ frame }) => frame),
    random: (purpose) => random(seedOf(seed, round, purpose)),
    views: () => arriving(open),
    features: () => arriving([...held]),
    surfaces: surfaces === undefined ? missing('surfaces') : () => from(surfaces),
    consensus: () => arriving(open),
  };
}

function unseen(pixels: number): Consensus {
  return {
    views: new Uint16Array(pixels),
    label: new Uint8Array(pixels),
    confidence: new Float32Array(pixels),
  };
}
