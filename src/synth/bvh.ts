import { boundsOf, type SolidArray } from './solid.js';

const LEAF_SIZE = 2;

/**
 * Bounding volume hierarchy over convex solids, split by the surface area heuristic (MacDonald and Booth 1990).
 * One instance serves one thread: it keeps the ray and the stack.
 */
export class Bvh {
  /** Per node: minimum and maximum, 6 numbers. A node's first child follows it. */
  private readonly bounds: Float64Array;
  /** Per node: second child of an inner node, or -1 - first index into `order` of a leaf. */
  private readonly link: Int32Array;
  /** Per node: solids in a leaf, 0 for an inner node. */
  private readonly size: Uint8Array;
  private readonly order: Int32Array;
  private nodes = 0;
  private readonly stack = new Int32Array(128);
  private readonly entries = new Float64Array(128);
  private readonly interval = new Float64Array(2);
  private readonly inverse = new Float64Array(3);
  private readonly entered = new Float64Array(1);

  /** Origin and direction in the world: set before `nearest` and `blocked`. The direction need not be unit. */
  readonly ray = new Float64Array(6);
  /** t of the last `nearest` hit; while a search runs, the farthest t that matters. */
  readonly hit = new Float64Array(1);

  constructor(readonly solids: SolidArray) {
    const count = solids.count;
    this.bounds = new Float64Array(12 * Math.max(1, count));
    this.link = new Int32Array(2 * Math.max(1, count));
    this.size = new Uint8Array(2 * Math.max(1, count));
    this.order = Int32Array.from({ length: count }, (_, i) => i);
    if (count > 0) {
      this.build(
        solids.solids.map((solid) => boundsOf(solid)),
        0,
        count,
      );
    }
  }

  private build(boxes: readonly Float64Array[], from: number, to: number): void {
    const node = this.nodes++;
    const whole = emptyBounds();
    for (let k = from; k < to; k++) extend(whole, boxes[this.order[k]]);
    this.bounds.set(whole, 6 * node);
    const split = to - from > LEAF_SIZE ? this.bestSplit(boxes, from, to) : undefined;
    if (split === undefined) {
      this.link[node] = -1 - from;
      this.size[node] = to - from;
      return;
    }
    this.order.subarray(from, to).sort(byCentre(boxes, split.axis));
    this.build(boxes, from, split.at);
    this.link[node] = this.nodes;
    this.build(boxes, split.at, to);
  }

  /** Tries every cut along every axis: rooms have a thousand solids at most. */
  private bestSplit(boxes: readonly Float64Array[], from: number, to: number): { axis: number; at: number } {
    let best = { axis: 0, at: (from + to) >> 1 };
    let bestCost = Number.POSITIVE_INFINITY;
    const n = to - from;
    const left = new Float64Array(n);
    for (let axis = 0; axis < 3; axis++) {
      const sorted = this.order.slice(from, to).sort(byCentre(boxes, axis));
      const running = emptyBounds();
      for (let k = 0; k < n; k++) {
        left[k] = area(running) * k;
        extend(running, boxes[sorted[k]]);
      }
      const rest = emptyBounds();
      for (let k = n - 1; k > 0; k--) {
        extend(rest, boxes[sorted[k]]);
        const cost = left[k] + area(rest) * (n - k);
        if (cost < bestCost) {
          bestCost = cost;
          best = { axis, at: from + k };
        }
      }
    }
    return best;
  }

  /**
   * The solid that `ray` enters first with 0 < t < limit, or -1. Solids around the origin are not seen.
   * Its t is left in `hit[0]`.
   */
  nearest(limit: number): number {
    const { ray, hit, interval, stack, entries, entered, link, size, order, solids } = this;
    hit[0] = limit;
    if (this.nodes === 0) return -1;
    this.invert();
    if (!this.enters(0)) return -1;
    let best = -1;
    let top = 0;
    let node = 0;
    for (;;) {
      const n = size[node];
      if (n > 0) {
        const first = -1 - link[node];
        for (let k = first; k < first + n; k++) {
          const i = order[k];
          if (solids.intersect(i, ray, interval) && interval[0] > 0 && interval[0] < hit[0]) {
            hit[0] = interval[0];
            best = i;
          }
        }
      } else {
        // The nearer child is next, the other waits with the t of its entry.
        const first = node + 1;
        const second = link[node];
        const firstEntered = this.enters(first);
        entries[top] = entered[0];
        const secondEntered = this.enters(second);
        if (firstEntered && secondEntered) {
          if (entries[top] <= entered[0]) {
            node = first;
            stack[top] = second;
            entries[top++] = entered[0];
          } else {
            node = second;
            stack[top++] = first;
          }
          continue;
        }
        if (firstEntered || secondEntered) {
          node = firstEntered ? first : second;
          continue;
        }
      }
      // What waits may lie behind what has been hit since.
      do {
        if (top === 0) return best;
        node = stack[--top];
      } while (entries[top] > hit[0]);
    }
  }

  /** Whether anything that stops light lies within (0, limit) of `ray`, a solid around the origin included. */
  blocked(limit: number): boolean {
    const { ray, hit, interval, stack, link, size, order, solids } = this;
    hit[0] = limit;
    if (this.nodes === 0) return false;
    this.invert();
    let top = 0;
    stack[top++] = 0;
    while (top > 0) {
      const node = stack[--top];
      if (!this.enters(node)) continue;
      const n = size[node];
      if (n === 0) {
        stack[top++] = link[node];
        stack[top++] = node + 1;
        continue;
      }
      const first = -1 - link[node];
      for (let k = first; k < first + n; k++) {
        const i = order[k];
        if (
          solids.opaque[i] === 1 &&
          solids.intersect(i, ray, interval) &&
          interval[1] > 0 &&
          interval[0] < limit
        ) {
          return true;
        }
      }
    }
    return false;
  }

  private invert(): void {
    for (let k = 0; k < 3; k++) this.inverse[k] = 1 / this.ray[3 + k];
  }

  /**
   * Whether the ray meets a node's bounds between 0 and `hit[0]`; where it does goes to `entered[0]`. Numbers
   * pass through arrays because one returned or handed over may be put on the heap, millions of times a frame.
   */
  private enters(node: number): boolean {
    const { bounds, ray, inverse } = this;
    const k = 6 * node;
    const ix = inverse[0];
    const iy = inverse[1];
    const iz = inverse[2];
    let enter = 0;
    let exit = this.hit[0];
    let near = (bounds[ix < 0 ? k + 3 : k] - ray[0]) * ix;
    let far = (bounds[ix < 0 ? k : k + 3] - ray[0]) * ix;
    if (near > enter) enter = near;
    if (far < exit) exit = far;
    near = (bounds[iy < 0 ? k + 4 : k + 1] - ray[1]) * iy;
    far = (bounds[iy < 0 ? k + 1 : k + 4] - ray[1]) * iy;
    if (near > enter) enter = near;
    if (far < exit) exit = far;
    near = (bounds[iz < 0 ? k + 5 : k + 2] - ray[2]) * iz;
    far = (bounds[iz < 0 ? k + 2 : k + 5] - ray[2]) * iz;
    if (near > enter) enter = near;
    if (far < exit) exit = far;
    this.entered[0] = enter;
    return enter <= exit;
  }
}

function emptyBounds(): Float64Array {
  const inf = Number.POSITIVE_INFINITY;
  return Float64Array.of(inf, inf, inf, -inf, -inf, -inf);
}

function extend(bounds: Float64Array, other: Float64Array): void {
  for (let k = 0; k < 3; k++) {
    bounds[k] = Math.min(bounds[k], other[k]);
    bounds[3 + k] = Math.max(bounds[3 + k], other[3 + k]);
  }
}

function area(b: Float64Array): number {
  const x = b[3] - b[0];
  const y = b[4] - b[1];
  const z = b[5] - b[2];
  return x < 0 ? 0 : x * y + y * z + z * x;
}

/** By centre along an axis, ties by index, so that the tree is the same on every machine. */
function byCentre(boxes: readonly Float64Array[], axis: number): (a: number, b: number) => number {
  return (a, b) => boxes[a][axis] + boxes[a][3 + axis] - boxes[b][axis] - boxes[b][3 + axis] || a - b;
}
