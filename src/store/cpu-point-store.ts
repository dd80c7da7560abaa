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

/** Unit of `viewEntropy`, nats. */
const ENTROPY_UNIT = 2 ** -24;

/** A superpixel's view entropy, nats: the mean over its pixels with depth, of which `sum` is in units of `viewEntropy`. */
export function meanEntropy(sum: number, pixels: number): number {
  return Math.fround((sum * ENTROPY_UNIT) / pixels);
}

/** A frame that has been integrated. */
export interface IntegratedFrame {
  readonly incidences: Incidences;
  /** The store's ids of the frame's voxels; they do not change while the frame is in the store. */
  readonly ids: Uint32Array;
}

/** A point store in this process's memory: 4 (2 C + 2) bytes a voxel and its key, some 150 for 13 classes. */
export class CpuPointStore implements PointStore {
  /** Dense ids of the scene's voxels; the overlap index shares them. */
  readonly voxels = new VoxelTable();
  /** Records of [pixels, frames, Σ P (C), Σ −log P (C)] by voxel id, in chunks that never move. */
  readonly #chunks: Uint32Array[] = [];
  readonly #stride: number;
  /** The record of a voxel that no frame saw. */
  readonly #none: Uint32Array;
  /** Working memory of `viewDivergences`; all zero between calls. */
  #local = new Uint32Array(0);

  constructor(readonly classes: number) {
    this.#stride = 2 + 2 * classes;
    this.#none = new Uint32Array(this.#stride);
  }

  /** Of memory that it holds. */
  get bytes(): number {
    return this.#chunks.reduce((sum, { byteLength }) => sum + byteLength, this.voxels.bytes);
  }

  async integrate(incidences: Incidences, name: string): Promise<void> {
    this.integrateNow(incidences, name);
  }

  /** As `integrate`, before it returns. @returns the store's ids of the frame's voxels, as `idsOf` */
  integrateNow(incidences: Incidences, name: string): Uint32Array {
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
    return ids;
  }

  async remove(incidences: Incidences): Promise<void> {
    const ids = this.idsOf(incidences);
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
   * View entropy of a voxel is that of the mean of what all frames said of it and, at half weight, of the voxels before and
   * behind it along the viewing ray: depth noise of a few centimetres must not hide a surface from its other views
   * (docs/decisions.md has the figures). For view divergence the frame's pixels are compared with the *other* frames'
   * in the same three voxels. With n, S, L the weighted totals,
   *
   *     VE   = −Σ Q log Q,  Q = S / n                                                        (Eq. 3, 4)
   *     VD_i = (1/n) Σ_{j of other frames} Σ_c P_i (log P_i − log P_j)                       (Eq. 5)
   *
   * where in VD the frame's own n_own pixels in the voxel count in n as agreeing with pixel i: at 2 cm a voxel holds
   * several of them, and they are one view, no other. KL is linear in log P_j, so over the pixels of a row
   *
   *     Σ_i VD_i = (1/n) (−Σ_c (Σ_i P_i) L_others + n_others Σ_i Σ_c P_i log P_i),
   *
   * which the row's sums give without the probability maps.
   */
  async score(incidences: Incidences): Promise<SuperpixelScores> {
    const { superpixels: R, rowStart, voxel, pixels, voxels, rays } = incidences;
    const ids = this.idsOf(incidences);
    const entropies = new Uint32Array(ids.length);
    const frames = new Uint32Array(ids.length);
    for (let v = 0; v < ids.length; v++) {
      const [i, j, k] = [rayOffset(rays[v], 0), rayOffset(rays[v], 1), rayOffset(rays[v], 2)];
      const [x, y, z] = [voxels[3 * v], voxels[3 * v + 1], voxels[3 * v + 2]];
      const near = this.voxels.find(x - i, y - j, z - k);
      entropies[v] = this.viewEntropy(ids[v], near, this.voxels.find(x + i, y + j, z + k));
      frames[v] = this.#chunks[ids[v] >>> CHUNK_BITS][(ids[v] & CHUNK_MASK) * this.#stride + 1];
    }
    const scores: SuperpixelScores = {
      pixels: incidences.superpixelPixels,
      scoredPixels: new Uint32Array(R),
      viewEntropy: new Float32Array(R),
      viewDivergence: this.viewDivergences({ incidences, ids }),
      views: new Float32Array(R),
    };
    for (let r = 0; r < R; r++) {
      let scored = 0;
      let entropySum = 0;
      let viewSum = 0;
      for (let row = rowStart[r]; row < rowStart[r + 1]; row++) {
        scored += pixels[row];
        entropySum += pixels[row] * entropies[voxel[row]];
        viewSum += pixels[row] * frames[voxel[row]];
      }
      scores.scoredPixels[r] = scored;
      scores.viewEntropy[r] = meanEntropy(entropySum, scored);
      scores.views[r] = viewSum / scored;
    }
    return scores;
  }

  /**
   * View entropy of a voxel along one ray.
   *
   * @param id of the voxel
   * @param near id of the voxel before it, −1 where no frame saw that; `far` of the one behind it
   * @returns in units of ENTROPY_UNIT, whole, so that sums over pixels are exact in whatever order
   */
  viewEntropy(id: number, near: number, far: number): number {
    const C = this.classes;
    const here = this.#chunks[id >>> CHUNK_BITS];
    const at = (id & CHUNK_MASK) * this.#stride;
    const before = near < 0 ? this.#none : this.#chunks[near >>> CHUNK_BITS];
    const atBefore = near < 0 ? 0 : (near & CHUNK_MASK) * this.#stride;
    const behind = far < 0 ? this.#none : this.#chunks[far >>> CHUNK_BITS];
    const atBehind = far < 0 ? 0 : (far & CHUNK_MASK) * this.#stride;
    const total = P_SCALE * (here[at] + BESIDE * (before[atBefore] + behind[atBehind]));
    let entropy = 0;
    for (let c = 2; c < C + 2; c++) {
      const p = (here[at + c] + BESIDE * (before[atBefore + c] + behind[atBehind + c])) / total;
      if (p > MIN_P) entropy -= p * Math.log(p);
    }
    return Math.round(entropy / ENTROPY_UNIT);
  }

  /** View entropy of a voxel by itself, nats. */
  voxelEntropy(id: number): number {
    return this.viewEntropy(id, -1, -1) * ENTROPY_UNIT;
  }

  /**
   * View divergence of some of a frame's superpixels, the mean over their pixels with depth; see `score`.
   * @param asked ids; all of them if not given
   * @returns by superpixel id, NaN where it has no depth or was not asked for
   */
  viewDivergences({ incidences, ids }: IntegratedFrame, asked?: readonly number[]): Float32Array {
    const { classes: C, superpixels: R, rowStart, voxel, voxels, rays } = incidences;
    const { pixels, sumP, sumNegLog, sumEntropy } = incidences;
    const local = this.#localIndex(ids);
    const superpixels = asked ?? Array.from({ length: R }, (_, r) => r);

    // The voxels before and behind those of the rows that are asked for, and which voxels' own shares that takes.
    const near = new Int32Array(ids.length);
    const far = new Int32Array(ids.length);
    const isNeeded = new Uint8Array(ids.length);
    for (const r of superpixels)
      for (let row = rowStart[r]; row < rowStart[r + 1]; row++) {
        const v = voxel[row];
        const [i, j, k] = [rayOffset(rays[v], 0), rayOffset(rays[v], 1), rayOffset(rays[v], 2)];
        const [x, y, z] = [voxels[3 * v], voxels[3 * v + 1], voxels[3 * v + 2]];
        near[v] = this.voxels.find(x - i, y - j, z - k);
        far[v] = this.voxels.find(x + i, y + j, z + k);
        isNeeded[v] = 1;
        if (near[v] >= 0 && local[near[v]] > 0) isNeeded[local[near[v]] - 1] = 1;
        if (far[v] >= 0 && local[far[v]] > 0) isNeeded[local[far[v]] - 1] = 1;
      }

    // The frame's own share of each voxel, over all superpixels that meet there.
    const ownPixels = new Uint32Array(ids.length);
    const ownNegLog = new Uint32Array(ids.length * C);
    for (let row = 0; row < pixels.length; row++) {
      const v = voxel[row];
      if (isNeeded[v] === 0) continue;
      ownPixels[v] += pixels[row];
      for (let c = 0, from = row * C, to = v * C; c < C; c++, from++, to++) ownNegLog[to] += sumNegLog[from];
    }

    const beside = [0, 0, 0];
    const divergences = new Float32Array(R).fill(Number.NaN);
    for (const r of superpixels) {
      let scored = 0;
      let sum = 0;
      for (let row = rowStart[r]; row < rowStart[r + 1]; row++) {
        const v = voxel[row];
        beside[0] = ids[v];
        beside[1] = near[v];
        beside[2] = far[v];
        let others = 0;
        let cross = 0;
        for (let step = 0; step < beside.length; step++) {
          const id = beside[step];
          if (id < 0) continue;
          const weight = step === 0 ? 1 : BESIDE;
          const chunk = this.#chunks[id >>> CHUNK_BITS];
          const at = (id & CHUNK_MASK) * this.#stride;
          const own = local[id] - 1;
          others += weight * (own < 0 ? chunk[at] : chunk[at] - ownPixels[own]);
          let product = 0;
          for (let c = 0, p = row * C, all = at + 2 + C, mine = own * C; c < C; c++, p++, all++, mine++)
            product += sumP[p] * (own < 0 ? chunk[all] : chunk[all] - ownNegLog[mine]);
          cross += weight * product;
        }
        scored += pixels[row];
        sum +=
          (cross / (P_SCALE * LOG_SCALE) - others * (sumEntropy[row] / ENTROPY_SCALE)) /
          (others + ownPixels[v]);
      }
      divergences[r] = sum / scored;
    }
    for (const id of ids) local[id] = 0;
    return divergences;
  }

  /** Pixels seen in a voxel. */
  #pixelsOf(id: number): number {
    return this.#chunks[id >>> CHUNK_BITS][(id & CHUNK_MASK) * this.#stride];
  }

  /** The store's ids of the voxels of a frame that has been integrated. @throws Error where it has not */
  idsOf(incidences: Incidences): Uint32Array {
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
