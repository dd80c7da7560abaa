/** A rigid motion from a child frame to its parent: x ↦ R(q) x + t. */
export interface Transform {
  /** Metres. */
  readonly translation: readonly [x: number, y: number, z: number];
  /** Quaternion; of any length but 0. */
  readonly rotation: readonly [x: number, y: number, z: number, w: number];
}

interface Sample extends Transform {
  /** Seconds. */
  readonly time: number;
}

/** How a frame hangs on its parent. */
interface Edge {
  readonly parent: string;
  /** Holds for all times. */
  still?: Transform;
  /** By time, ascending, no two at once. */
  readonly samples: Sample[];
}

/** Longest chain of frames; a longer one goes in circles. */
const DEEPEST = 64;

/**
 * A tree of coordinate frames that move: what /tf and /tf_static tell, remembered for some seconds.
 */
export class TransformTree {
  readonly #edges = new Map<string, Edge>();
  readonly #gap: number;
  readonly #history: number;

  /**
   * @param gap the longest time in seconds between two samples for what lies between them to be known
   * @param history seconds for which samples are remembered
   */
  constructor(gap: number, history = 10) {
    this.#gap = gap;
    this.#history = history;
  }

  /** @param time seconds; undefined = for all times */
  add(parent: string, child: string, transform: Transform, time?: number): void {
    const [up, name] = [plain(parent), plain(child)];
    const numbers = [...transform.translation, ...transform.rotation];
    if (!numbers.every(Number.isFinite) || transform.rotation.every((part) => part === 0)) return;
    let edge = this.#edges.get(name);
    if (edge === undefined || edge.parent !== up) {
      edge = { parent: up, samples: [] };
      this.#edges.set(name, edge);
    }
    if (time === undefined) {
      edge.still = transform;
      return;
    }
    const { samples } = edge;
    let at = samples.length;
    while (at > 0 && samples[at - 1]!.time > time) at--;
    // Said again: the later word counts.
    const again = at > 0 && samples[at - 1]!.time === time;
    samples.splice(again ? at - 1 : at, again ? 1 : 0, { ...transform, time });
    const oldest = samples.at(-1)!.time - this.#history;
    let stale = 0;
    while (samples[stale]!.time < oldest) stale++;
    // Not each time, as the others move up.
    if (stale > 256 || stale * 2 > samples.length) samples.splice(0, stale);
  }

  /**
   * The frame that a frame hangs on in the end. Undefined where nothing moves on the way there: a camera whose driver tells only how
   * it is built has no pose, and all its frames would lie on each other.
   */
  rootOf(frame: string): string | undefined {
    let at = plain(frame);
    let moves = false;
    for (let depth = 0; depth < DEEPEST; depth++) {
      const edge = this.#edges.get(at);
      if (edge === undefined) return moves ? at : undefined;
      if (edge.still === undefined) moves = true;
      at = edge.parent;
    }
    return undefined;
  }

  /**
   * Where a frame is in another, at a time: interpolated between the samples before and after, linearly and along
   * the shortest turn; never beyond them.
   * @returns 4×4 row-major; 'later' where a sample after the time is still to come, 'never' where the time is before the first
   * sample or in a gap, or where the one frame does not hang on the other
   */
  lookUp(world: string, frame: string, time: number): Float64Array | 'later' | 'never' {
    const top = plain(world);
    let at = plain(frame);
    let pose = matrixOf({ translation: [0, 0, 0], rotation: [0, 0, 0, 1] });
    let later = false;
    for (let depth = 0; at !== top; depth++) {
      const edge = this.#edges.get(at);
      if (depth === DEEPEST) return 'never';
      // A part of the tree that has not been told yet.
      if (edge === undefined) return 'later';
      const transform = this.#at(edge, time);
      if (transform === 'never') return 'never';
      if (transform === 'later') later = true;
      else pose = product(matrixOf(transform), pose);
      at = edge.parent;
    }
    return later ? 'later' : pose;
  }

  #at({ still, samples }: Edge, time: number): Transform | 'later' | 'never' {
    if (still !== undefined) return still;
    let low = 0;
    let high = samples.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (samples[middle]!.time < time) low = middle + 1;
      else high = middle;
    }
    const after = samples[low];
    if (after === undefined) return 'later';
    if (after.time === time) return after;
    const before = samples[low - 1];
    if (before === undefined || after.time - before.time > this.#gap) return 'never';
    return between(before, after, (time - before.time) / (after.time - before.time));
  }
}

/** Old drivers begin frame names with a slash. */
function plain(frame: string): string {
  return frame.replace(/^\//, '');
}

/** Shoemake's slerp (Animating rotation with quaternion curves, 1985), the shorter way round. */
function between(a: Transform, b: Transform, share: number): Transform {
  const [p, q] = [unit(a.rotation), unit(b.rotation)];
  let cosine = p[0] * q[0] + p[1] * q[1] + p[2] * q[2] + p[3] * q[3];
  // q and −q are the same turn.
  const sign = cosine < 0 ? -1 : 1;
  cosine = Math.min(1, cosine * sign);
  const angle = Math.acos(cosine);
  const sine = Math.sin(angle);
  // Of nearly equal rotations the sine says nothing any more, and a straight line is as good.
  const [wa, wb] =
    sine < 1e-6 ? [1 - share, share] : [Math.sin((1 - share) * angle) / sine, Math.sin(share * angle) / sine];
  const mix = (i: 0 | 1 | 2 | 3) => wa * p[i] + wb * sign * q[i];
  const line = (i: 0 | 1 | 2) => (1 - share) * a.translation[i] + share * b.translation[i];
  return { translation: [line(0), line(1), line(2)], rotation: [mix(0), mix(1), mix(2), mix(3)] };
}

type Quaternion = Transform['rotation'];

function unit([x, y, z, w]: Quaternion): Quaternion {
  const length = Math.hypot(x, y, z, w);
  return [x / length, y / length, z / length, w / length];
}

/** 4×4, row-major. */
function matrixOf({ translation: [tx, ty, tz], rotation }: Transform): Float64Array {
  const [x, y, z, w] = unit(rotation);
  return Float64Array.of(
    ...[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), tx],
    ...[2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), ty],
    ...[2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), tz],
    ...[0, 0, 0, 1],
  );
}

function product(a: Float64Array, b: Float64Array): Float64Array {
  return Float64Array.from({ length: 16 }, (_, i) => {
    const [row, column] = [i & 12, i & 3];
    return (
      a[row] * b[column] +
      a[row + 1] * b[4 + column] +
      a[row + 2] * b[8 + column] +
      a[row + 3] * b[12 + column]
    );
  });
}
