import type { Frame } from '../src/frame.js';
import { type ProbabilityMap, toHalves } from '../src/model/probability-map.js';
import { random, seedOf } from '../src/random.js';
import { sumIncidences } from '../src/store/bin.js';
import { footprintOf } from '../src/store/footprint.js';
import type { Incidences } from '../src/store/incidences.js';
import type { Superpixels } from '../src/superpixels/superpixels.js';

/** A small frame with what was seen in it, for tests of what comes after inference. */
export interface SeenFrame {
  readonly frame: Frame;
  readonly superpixels: Superpixels;
  readonly probabilities: ProbabilityMap;
}

export interface RandomFrameOptions {
  readonly width?: number;
  readonly height?: number;
  readonly classes?: number;
  readonly superpixels?: number;
  /** Share of pixels without depth. */
  readonly holes?: number;
}

/**
 * A frame that looks at the plane z = 2 m from a random place near the origin, so that frames overlap; depth has
 * holes, probabilities and superpixels are arbitrary.
 */
export function randomFrame(seed: number | string, options: RandomFrameOptions = {}): SeenFrame {
  const { width = 24, height = 18, classes = 5, superpixels: count = 6, holes = 0.1 } = options;
  const next = random(seedOf('frame', seed));
  const size = width * height;
  const [dx, dy] = [(next() - 0.5) * 0.4, (next() - 0.5) * 0.4];
  const depth = new Float32Array(size);
  for (let i = 0; i < size; i++) depth[i] = next() < holes ? 0 : 2 + 0.005 * (next() - 0.5);
  const values = new Float32Array(size * classes);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      values[i * classes + c] = next() ** 4 + 1e-9;
      sum += values[i * classes + c];
    }
    for (let c = 0; c < classes; c++) values[i * classes + c] /= sum;
  }
  const ids = new Uint16Array(size);
  for (let i = 0; i < size; i++) ids[i] = Math.floor(((i % width) / width) * count);
  return {
    frame: {
      scene: 'scene',
      id: `${seed}`,
      timestamp: 0,
      width,
      height,
      colour: new Uint8Array(3 * size),
      depth,
      intrinsics: { fx: 30, fy: 30, cx: (width - 1) / 2, cy: (height - 1) / 2 },
      cameraToWorld: Float64Array.of(1, 0, 0, dx, 0, 1, 0, dy, 0, 0, 1, 0, 0, 0, 0, 1),
    },
    superpixels: { width, height, count, ids },
    probabilities: { width, height, classes, data: toHalves(values) },
  };
}

/** The frame seen from a camera turned by random angles and moved by so many metres, over uneven depths. */
export function turned(seen: SeenFrame, seed: number, offset = 0): SeenFrame {
  const next = random(seed);
  const [a, b, c] = [next(), next(), next()].map((x) => 2 * Math.PI * x);
  const [ca, sa, cb, sb, cc, sc] = [a, b, c].flatMap((x) => [Math.cos(x), Math.sin(x)]);
  const cameraToWorld = Float64Array.of(
    ...[ca * cb, ca * sb * sc - sa * cc, ca * sb * cc + sa * sc, offset + next()],
    ...[sa * cb, sa * sb * sc + ca * cc, sa * sb * cc - ca * sc, next() - offset],
    ...[-sb, cb * sc, cb * cc, next()],
    ...[0, 0, 0, 1],
  );
  const depth = seen.frame.depth.map((d) => d * (0.2 + 2 * next()));
  return { ...seen, frame: { ...seen.frame, depth, cameraToWorld } };
}

/** The frame's incidences; voxels of so many metres. */
export function binned({ frame, superpixels, probabilities }: SeenFrame, voxel = 0.05): Incidences {
  return sumIncidences(footprintOf(frame, superpixels, voxel), probabilities);
}
