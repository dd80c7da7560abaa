import { BadFrameError, UserError } from '../errors.js';
import { ENTROPY_SCALE, LOG_SCALE, MAX_PIXELS, MIN_P, P_SCALE } from './fixed-point.js';
import { type Incidences, rayOffset } from './incidences.js';
import {
  allocatePoints,
  type PointStore,
  type Points,
  type SuperpixelScores,
  type VoxelSums,
} from './point-store.js';
import { VoxelTable } from './voxel-table.js';

const CHUNK_BITS = 12;
const CHUNK_MASK = (1 << CHUNK_BITS) - 1;

/** Weight of the voxels before and behind on the viewing ray; a half, so sums stay exact in doubles. */
const BESIDE = 0.5;

/** A point store in this process's memory: 4 (2 C + 2) bytes a voxel and its key, some 150 for 13 classes. */
export class CpuPointStore implements PointStore {
  /** Dense ids of the scene's voxels; the overlap index shares them. */
  readonly voxels = new VoxelTable();
  /** Records of [pixels, frames, Σ P (C), Σ −log P (C)] by voxel id, in chunks that never move. */
  readonly #chunks: Uint32Array[] = [];
  readonly #stride: number;
  /** Working memory of `score`; all zero between calls. */
  #local = new Uint32Array(0);

  constructor(readonly classes: number) {
    this.#stride = 2 + 2 * classes;
  }

  async integrate(incidences: Incidences, name: string): Promise<void> {
    if (incidences.classes !== this.classes)
      throw new BadFrameError(
        name,
        `has a map of ${incidences.classes} classes, those before it had ${this.classes}`,
      );
    const ids = this.#reserve(incidences.voxels);
    const own = pixelsByVoxel(incidences);
    for (let i = 0; i < ids.length; i++) {
      const seen = this.#pixelsOf(ids[i]);
      if (seen + own[i] > MAX_PIXELS)
        throw new BadFrameError(
          name,
          `sees a voxel that ${seen} pixels have seen already, the most that its sums can hold is ${MAX_PIXELS}`,
        );
    }
    this.#add(incidences, ids, 1);
  }

  async remove(incidences: Incidences): Promise<void> {
    const ids = this.#knownIds(incidences);
    const own = pixelsByVoxel(incidences);
    for (let i = 0; i < ids.length; i++)
      if (this.#pixelsOf(ids[i]) < own[i]) throw new Error('the frame is not in the store');
    this.#add(incidences, ids, -1);
  }

  async merge(points: Points): Promise<void> {
    const C = this.classes;
    if (points.classes !== C)
      throw new UserError(`A store of ${C} classes cannot take in points of ${points.classes} classes.`);
    const ids = this.#reserve(points.voxels);
    for (let i = 0; i < ids.length; i++)
      if (this.#pixelsOf(ids[i]) + points.pixels[i] > MAX_PIXELS)
        throw new UserError(`Merged stores would hold more than ${MAX_PIXELS} pixels in one voxel.`);
    for (let i = 0; i < ids.length; i++) {
      const chunk = this.#chunks[ids[i] >>> CHUNK_BITS];
      const at = (ids[i] & CHUNK_MASK) * this.#stride;
      chunk[at] += points.pixels[i];
      chunk[at + 1] += points.frames[i];
      for (let c = 0; c < C; c++) {
        chunk[at + 2 + c] += points.sumP[i * C + c];
        chunk[at + 2 + C + c] += points.sumNegLog[i * C + c];
      }
    }
  }

  async snapshot(): Promise<Points> {
    const { classes: C, voxels } = this;
    const order: number[] = [];
    for (let id = 0; id < voxels.count; id++) if (this.#pixelsOf(id) > 0) order.push(id);
    order.sort(
      (a, b) =>
        voxels.coordinate(a, 0) - voxels.coordinate(b, 0) ||
        voxels.coordinate(a, 1) - voxels.coordinate(b, 1) ||
        voxels.coordinate(a, 2) - voxels.coordinate(b, 2),
    );
    const points = allocatePoints(C, order.length);
    order.forEach((id, i) => {
      const chunk = this.#chunks[id >>> CHUNK_BITS];
      const at = (id & CHUNK_MASK) * this.#stride;
      for (const axis of [0, 1, 2] as const) points.voxels[3 * i + axis] = voxels.coordinate(id, axis);
      points.pixels[i] = chunk[at];
      points.frames[i] = chunk[at + 1];
      points.sumP.set(chunk.subarray(at + 2, at + 2 + C), i * C);
      points.sumNegLog.set(chunk.subarray(at + 2 + C, at + 2 + 2 * C), i * C);
    });
    return points;
  }

  async lookup(voxels: Int32Array): Promise<VoxelSums> {
    const C = this.classes;
    const count = voxels.length / 3;
    const sums = {
      pixels: new Uint32Array(count),
      frames: new Uint32Array(count),
      sumP: new Uint32Array(count * C),
    };
    for (let v = 0, key = 0; v < count; v++, key += 3) {
      const id = this.voxels.find(voxels[key], voxels[key + 1], voxels[key + 2]);
      if (id < 0) continue;
      const chunk = this.#chunks[id >>> CHUNK_BITS];
      const at = (id & CHUNK_MASK) * this.#stride;
      sums.pixels[v] = chunk[at];
      sums.frames[v] = chunk[at + 1];
      for (let c = 0; c < C; c++) sums.sumP[v * C + c] = chunk[at + 2 + c];
    }
    return sums;
  }

  /**
   * What the frame's pixels in a voxel are compared with are the voxel's own sums and, at half weight, those of the
   * *other* frames in the two voxels before and behind it along the viewing ray: depth noise of a few centimetres must
   * not hide a surface from its other views (docs/decisions.md has the figures). With n, S, L the weighted totals,
   *
   *     VE   = −Σ Q log Q,  Q = S / n                                                        (Eq. 3, 4)
   *     VD_i = (1/n) Σ_{j of other frames} Σ_c P_i (log P_i − log P_j)                       (Eq. 5)
   *
   * where the frame's own n_own pixels count in n as agreeing with pixel i: at 2 cm a voxel holds several of them,
   * and they are one view, no other. KL is linear in log P_j, so over the pixels of a row
   *
   *     Σ_i VD_i = (1/n) (−Σ_c (Σ_i P_i) L_others + n_others Σ_i Σ_c P_i log P_i),
   *
   * which the row's sums give without the probability maps.
   */
  async score(incidences: Incidences): Promise<SuperpixelScores> {
    const { classes: C, superpixels: R, rowStart, voxel, pixels, sumP, sumNegLog, sumEntropy } = incidences;
    const ids = this.#knownIds(incidences);
    const V = ids.length;

    // The frame's own share of each voxel, over all superpixels that meet there.
    const ownPixels = pixelsByVoxel(incidences);
    const ownP = new Uint32Array(V * C);
    const ownNegLog = new Uint32Array(V * C);
    for (let row = 0, from = 0; row < pixels.length; row++) {
      const to = voxel[row] * C;
      for (let c = 0; c < C; c++, from++) {
        ownP[to + c] += sumP[from];
        ownNegLog[to + c] += sumNegLog[from];
      }
    }

    const local = this.#localIndex(ids);
    const total = new Float64Array(V);
    const others = new Float64Array(V);
    const othersNegLog = new Float64Array(V * C);
    const entropy = new Float64Array(V);
    const frames = new Uint32Array(V);
    const q = new Float64Array(C);
    const near = [0, 0, 0];
    for (let v = 0; v < V; v++) {
      const code = incidences.rays[v];
      const [i, j, k] = [rayOffset(code, 0), rayOffset(code, 1), rayOffset(code, 2)];
      const [x, y, z] = [
        incidences.voxels[3 * v],
        incidences.voxels[3 * v + 1],
        incidences.voxels[3 * v + 2],
      ];
      near[0] = ids[v];
      near[1] = this.voxels.find(x - i, y - j, z - k);
      near[2] = this.voxels.find(x + i, y + j, z + k);

      for (let c = 0; c < C; c++) q[c] = ownP[v * C + c];
      for (let step = 0; step < near.length; step++) {
        const id = near[step];
        if (id < 0) continue;
        const weight = step === 0 ? 1 : BESIDE;
        const chunk = this.#chunks[id >>> CHUNK_BITS];
        const at = (id & CHUNK_MASK) * this.#stride;
        const own = local[id] - 1;
        others[v] += weight * (own < 0 ? chunk[at] : chunk[at] - ownPixels[own]);
        for (let c = 0; c < C; c++) {
          const p = own < 0 ? chunk[at + 2 + c] : chunk[at + 2 + c] - ownP[own * C + c];
          const negLog = own < 0 ? chunk[at + 2 + C + c] : chunk[at + 2 + C + c] - ownNegLog[own * C + c];
          q[c] += weight * p;
          othersNegLog[v * C + c] += weight * negLog;
        }
      }
      total[v] = others[v] + ownPixels[v];
      for (let c = 0; c < C; c++) {
        const p = q[c] / (total[v] * P_SCALE);
        if (p > MIN_P) entropy[v] -= p * Math.log(p);
      }
      frames[v] = this.#chunks[ids[v] >>> CHUNK_BITS][(ids[v] & CHUNK_MASK) * this.#stride + 1];
    }
    for (const id of ids) local[id] = 0;

    const scores: SuperpixelScores = {
      pixels: incidences.superpixelPixels,
      scoredPixels: new Uint32Array(R),
      viewEntropy: new Float32Array(R),
      viewDivergence: new Float32Array(R),
      views: new Float32Array(R),
    };
    for (let r = 0; r < R; r++) {
      let scored = 0;
      let entropySum = 0;
      let divergenceSum = 0;
      let viewSum = 0;
      for (let row = rowStart[r]; row < rowStart[r + 1]; row++) {
        const v = voxel[row];
        scored += pixels[row];
        entropySum += pixels[row] * entropy[v];
        viewSum += pixels[row] * frames[v];
        let cross = 0;
        for (let c = 0; c < C; c++) cross += sumP[row * C + c] * othersNegLog[v * C + c];
        divergenceSum +=
          (cross / (P_SCALE * LOG_SCALE) - others[v] * (sumEntropy[row] / ENTROPY_SCALE)) / total[v];
      }
      scores.scoredPixels[r] = scored;
      scores.viewEntropy[r] = entropySum / scored;
      scores.viewDivergence[r] = divergenceSum / scored;
      scores.views[r] = viewSum / scored;
    }
    return scores;
  }

  /** Pixels seen in a voxel. */
  #pixelsOf(id: number): number {
    return this.#chunks[id >>> CHUNK_BITS][(id & CHUNK_MASK) * this.#stride];
  }

  /** Ids of the voxels of a frame that has been integrated. */
  #knownIds(incidences: Incidences): Uint32Array {
    const ids = new Uint32Array(incidences.voxels.length / 3);
    for (let v = 0, at = 0; v < ids.length; v++, at += 3) {
      const id = this.voxels.find(
        incidences.voxels[at],
        incidences.voxels[at + 1],
        incidences.voxels[at + 2],
      );
      if (id < 0) throw new Error('the frame is not in the store');
      ids[v] = id;
    }
    return ids;
  }

  /** By voxel id: one plus the frame's own number of the voxel, 0 where it did not see it. The caller zeroes it. */
  #localIndex(ids: Uint32Array): Uint32Array {
    if (this.#local.length < this.voxels.count) this.#local = new Uint32Array(2 * this.voxels.count);
    for (let v = 0; v < ids.length; v++) this.#local[ids[v]] = v + 1;
    return this.#local;
  }

  #reserve(voxels: Int32Array): Uint32Array {
    const ids = this.voxels.addAll(voxels);
    while (this.#chunks.length << CHUNK_BITS < this.voxels.count)
      this.#chunks.push(new Uint32Array((CHUNK_MASK + 1) * this.#stride));
    return ids;
  }

  /** Adds (sign 1) or subtracts (−1) every row. Typed arrays wrap modulo 2³², so subtraction is exact. */
  #add(incidences: Incidences, ids: Uint32Array, sign: 1 | -1): void {
    const { classes: C, voxel, pixels, sumP, sumNegLog } = incidences;
    for (let row = 0; row < pixels.length; row++) {
      const id = ids[voxel[row]];
      const chunk = this.#chunks[id >>> CHUNK_BITS];
      const at = (id & CHUNK_MASK) * this.#stride;
      chunk[at] += sign * pixels[row];
      for (let c = 0, from = row * C; c < C; c++, from++) {
        chunk[at + 2 + c] += sign * sumP[from];
        chunk[at + 2 + C + c] += sign * sumNegLog[from];
      }
    }
    for (const id of ids) this.#chunks[id >>> CHUNK_BITS][(id & CHUNK_MASK) * this.#stride + 1] += sign;
  }
}

/** The frame's pixels in each of its voxels, over all superpixels that meet there. */
function pixelsByVoxel({ voxels, voxel, pixels }: Incidences): Uint32Array {
  const own = new Uint32Array(voxels.length / 3);
  for (let row = 0; row < pixels.length; row++) own[voxel[row]] += pixels[row];
  return own;
}
