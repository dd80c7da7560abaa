import type { Frame } from '../frame.js';
import { halfValues, type ProbabilityMap } from '../model/probability-map.js';
import { MIN_P } from '../store/fixed-point.js';
import type { SuperpixelScores } from '../store/point-store.js';
import type { Superpixels } from '../superpixels/superpixels.js';

/** A point of another view counts where its depth is within this of the frame's own surface, metres. */
export const DEPTH_TOLERANCE = 0.05;

/** A view of the scene, all that pairwise reprojection needs of it. */
export interface View {
  readonly frame: Pick<Frame, 'width' | 'height' | 'depth' | 'intrinsics' | 'cameraToWorld'>;
  readonly probabilities: ProbabilityMap;
}

/** Per-pixel scores of one frame. A pixel without depth has `observations` 0 and scores NaN. */
export interface PixelScores {
  /** |Ω|: distributions that fall on the pixel, its own included (Eq. 2). */
  readonly observations: Uint32Array;
  /** Views among them, its own included. */
  readonly views: Uint16Array;
  /** Eq. 4, nats. */
  readonly viewEntropy: Float64Array;
  /** Eq. 5, nats. */
  readonly viewDivergence: Float64Array;
}

/**
 * The paper's scores, taken literally: every pixel of every other view is back-projected and projected into the
 * frame, and counts where both depths are valid, it lies before the camera, and it is within `DEPTH_TOLERANCE` of
 * the frame's own surface. Quadratic in the number of frames; the yardstick that the point store is held against,
 * and `--views pairwise` for small scenes.
 *
 * The other views are drawn one at a time, so that only two need be in memory.
 */
export async function scorePairwise(
  view: View,
  others: Iterable<View> | AsyncIterable<View>,
): Promise<PixelScores> {
  const { frame, probabilities } = view;
  const C = probabilities.classes;
  const size = frame.width * frame.height;
  const values = halfValues();
  const logs = values.map((p) => Math.log(Math.max(p, MIN_P)));
  const sumP = new Float64Array(size * C);
  const sumLog = new Float64Array(size * C);
  const observations = new Uint32Array(size);
  const views = new Uint16Array(size);
  const lastView = new Uint32Array(size);

  const addObservation = (to: number, data: Uint16Array, from: number) => {
    observations[to]++;
    for (let c = 0; c < C; c++) {
      const half = data[from * C + c];
      sumP[to * C + c] += values[half];
      sumLog[to * C + c] += logs[half];
    }
  };

  for (let i = 0; i < size; i++) {
    if (!(frame.depth[i] > 0)) continue;
    addObservation(i, probabilities.data, i);
    views[i] = 1;
  }

  let stamp = 0;
  for await (const other of others) {
    stamp++;
    const { frame: from, probabilities: theirs } = other;
    const m = relativePose(frame.cameraToWorld, from.cameraToWorld);
    for (let v = 0, j = 0; v < from.height; v++) {
      for (let u = 0; u < from.width; u++, j++) {
        const d = from.depth[j];
        if (!(d > 0)) continue;
        const x = ((u - from.intrinsics.cx) / from.intrinsics.fx) * d;
        const y = ((v - from.intrinsics.cy) / from.intrinsics.fy) * d;
        const pz = m[8] * x + m[9] * y + m[10] * d + m[11];
        if (!(pz > 0)) continue;
        const px = m[0] * x + m[1] * y + m[2] * d + m[3];
        const py = m[4] * x + m[5] * y + m[6] * d + m[7];
        const column = Math.round((frame.intrinsics.fx * px) / pz + frame.intrinsics.cx);
        const row = Math.round((frame.intrinsics.fy * py) / pz + frame.intrinsics.cy);
        if (!(column >= 0 && column < frame.width && row >= 0 && row < frame.height)) continue;
        const to = row * frame.width + column;
        const own = frame.depth[to];
        if (!(own > 0) || Math.abs(own - pz) > DEPTH_TOLERANCE) continue;
        addObservation(to, theirs.data, j);
        if (lastView[to] !== stamp) {
          lastView[to] = stamp;
          views[to]++;
        }
      }
    }
  }

  const viewEntropy = new Float64Array(size).fill(Number.NaN);
  const viewDivergence = new Float64Array(size).fill(Number.NaN);
  for (let i = 0; i < size; i++) {
    const n = observations[i];
    if (n === 0) continue;
    let entropy = 0;
    let divergence = 0;
    for (let c = 0; c < C; c++) {
      const q = sumP[i * C + c] / n;
      if (q > MIN_P) entropy -= q * Math.log(q);
      const half = probabilities.data[i * C + c];
      divergence += values[half] * (logs[half] - sumLog[i * C + c] / n);
    }
    viewEntropy[i] = entropy;
    viewDivergence[i] = divergence;
  }
  return { observations, views, viewEntropy, viewDivergence };
}

/** Means of pixel scores over each superpixel's pixels with depth (Eq. 6 and 7). */
export function averageBySuperpixel(scores: PixelScores, superpixels: Superpixels): SuperpixelScores {
  const R = superpixels.count;
  const pixels = new Uint32Array(R);
  const scoredPixels = new Uint32Array(R);
  const sums = [new Float64Array(R), new Float64Array(R), new Float64Array(R)];
  superpixels.ids.forEach((r, i) => {
    pixels[r]++;
    if (scores.observations[i] === 0) return;
    scoredPixels[r]++;
    sums[0][r] += scores.viewEntropy[i];
    sums[1][r] += scores.viewDivergence[i];
    sums[2][r] += scores.views[i];
  });
  const [viewEntropy, viewDivergence, views] = sums.map((sum) =>
    Float32Array.from(sum, (total, r) => total / scoredPixels[r]),
  );
  return { pixels, scoredPixels, viewEntropy, viewDivergence, views };
}

/** Rows of the 3×4 transform from the `from` camera's axes to the `to` camera's; both camera to world, rigid. */
export function relativePose(to: Float64Array, from: Float64Array): Float64Array {
  const m = new Float64Array(12);
  for (let r = 0; r < 3; r++) {
    for (let c = 0; c < 4; c++) {
      let sum = 0;
      // The inverse of a rigid transform is Rᵀ (x − t).
      for (let k = 0; k < 3; k++) sum += to[4 * k + r] * (from[4 * k + c] - (c === 3 ? to[4 * k + 3] : 0));
      m[4 * r + c] = sum;
    }
  }
  return m;
}
