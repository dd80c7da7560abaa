import { IGNORE } from '../frame.js';
import type { Footprint } from '../store/footprint.js';
import { rayOffset } from '../store/incidences.js';
import { VoxelTable } from '../store/voxel-table.js';

/**
 * Share of a surface's votes that must have one class for the class to be carried. Where two classes meet, a
 * voxel holds pixels of both, and which one another view sees there is a toss-up: such voxels carry nothing. One
 * stray pixel in ten is let pass: depth at an object's edge now and then lies on what is behind it.
 */
export const AGREEMENT = 0.9;

/** Weight of the votes in the voxels before and behind. */
const BESIDE = 0.5;

/** The part of a footprint that says where pixels lie. */
type Pixels = Pick<Footprint, 'rowOfPixel' | 'voxel' | 'voxels' | 'rays'>;

/**
 * Label once, see everywhere: a scene's labels by surface, so that a label given in one view reaches the others.
 *
 * Every pixel that a person labelled votes for its class in its voxel. What a pixel that sees a voxel is told are the
 * voxel's votes and, at half weight, those in the two voxels before and behind it along the frame's viewing ray, as in
 * scores: depth noise moves a surface into the next voxel. It gets the class that has at least AGREEMENT of them; where
 * there are votes and no class has, it is in conflict and gets no label. Votes are counts, so it does not matter in which
 * order frames are added.
 *
 * Memory grows with the voxels that hold labels alone: 4 C bytes each and its key, some 80 for 13 classes; doubled when
 * full.
 */
export class SurfaceVotes {
  readonly #voxels = new VoxelTable();
  /** Votes by voxel id × C + class. */
  #votes: Uint32Array;

  constructor(readonly classes: number) {
    this.#votes = new Uint32Array(1024 * classes);
  }

  /**
   * Adds what people labelled of a frame; once a frame.
   * @param labels H×W class indices; `IGNORE`, and anything else from C on, where nobody labelled
   */
  add({ rowOfPixel, voxel, voxels }: Omit<Pixels, 'rays'>, labels: Uint8Array): void {
    const C = this.classes;
    /** By the frame's own number of a voxel: one plus its id, 0 where not asked yet. */
    const ids = new Uint32Array(voxels.length / 3);
    for (let i = 0; i < labels.length; i++) {
      if (labels[i] >= C || rowOfPixel[i] < 0) continue;
      const v = voxel[rowOfPixel[i]];
      if (ids[v] === 0) {
        ids[v] = this.#voxels.add(voxels[3 * v], voxels[3 * v + 1], voxels[3 * v + 2]) + 1;
        this.#reserve();
      }
      this.#votes[(ids[v] - 1) * C + labels[i]]++;
    }
  }

  /**
   * What other labels of the same surface, and the frame's own, say of a frame's pixels.
   * @returns labels: H×W, `IGNORE` without depth, votes or agreement; conflicts: pixels with votes but no agreement
   */
  carry({ rowOfPixel, voxel, voxels, rays }: Pixels): { labels: Uint8Array; conflicts: number } {
    const count = voxels.length / 3;
    const carried = new Uint8Array(count).fill(IGNORE);
    const isConflict = new Uint8Array(count);
    const votes = new Float64Array(this.classes);
    for (let v = 0; v < count; v++) {
      const [x, y, z] = [voxels[3 * v], voxels[3 * v + 1], voxels[3 * v + 2]];
      const [i, j, k] = [rayOffset(rays[v], 0), rayOffset(rays[v], 1), rayOffset(rays[v], 2)];
      votes.fill(0);
      this.#collect(votes, this.#voxels.find(x, y, z), 1);
      this.#collect(votes, this.#voxels.find(x - i, y - j, z - k), BESIDE);
      this.#collect(votes, this.#voxels.find(x + i, y + j, z + k), BESIDE);
      const total = votes.reduce((sum, some) => sum + some);
      if (total === 0) continue;
      carried[v] = agreed(votes, total);
      if (carried[v] === IGNORE) isConflict[v] = 1;
    }
    const labels = new Uint8Array(rowOfPixel.length).fill(IGNORE);
    let conflicts = 0;
    for (let i = 0; i < labels.length; i++) {
      if (rowOfPixel[i] < 0) continue;
      const v = voxel[rowOfPixel[i]];
      labels[i] = carried[v];
      conflicts += isConflict[v];
    }
    return { labels, conflicts };
  }

  /** Adds a voxel's votes at a weight; none where the id is −1. */
  #collect(votes: Float64Array, id: number, weight: number): void {
    if (id < 0) return;
    for (let c = 0, at = id * this.classes; c < votes.length; c++, at++) votes[c] += weight * this.#votes[at];
  }

  #reserve(): void {
    if (this.#voxels.count * this.classes <= this.#votes.length) return;
    const votes = new Uint32Array(2 * this.#votes.length);
    votes.set(this.#votes);
    this.#votes = votes;
  }
}

/** The class that enough of the votes have, or `IGNORE`. */
function agreed(votes: Float64Array, total: number): number {
  let best = 0;
  for (let c = 1; c < votes.length; c++) if (votes[c] > votes[best]) best = c;
  return votes[best] >= AGREEMENT * total ? best : IGNORE;
}
