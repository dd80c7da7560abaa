import type { Intrinsics, Size } from '../frame.js';
import { gaussian, type Random, random, seedOf } from '../random.js';
import type { Room } from './room.js';
import { boundsOf } from './solid.js';
import type { Vec3 } from './vector.js';

/** Distance that a camera keeps from everything, in metres. */
export const CLEARANCE = 0.28;
const CELL = 0.1;
const EYE = [1.35, 1.7] as const;

/** A pinhole camera 60° wide with its centre in the middle of the picture. */
export function intrinsicsFor({ width, height }: Size): Intrinsics {
  const f = width / 2 / Math.tan(Math.PI / 6);
  return { fx: f, fy: f, cx: (width - 1) / 2, cy: (height - 1) / 2 };
}

/**
 * The poses of somebody who walks about a room with a camera in the hand: smooth, a little shaky, looking across
 * the room at one thing after another and again later, never inside anything. 4×4 row-major, camera to world.
 * The whole path is drawn at once, so that frame k of n is the same whoever renders it.
 */
export function cameraPath(room: Room, frames: number, seed: number, index: number): Float64Array[] {
  const next = random(seedOf(seed, 'camera', index));
  const ground = new Ground(room);
  const walk = ground.walk(next);
  const gaze = gazeTargets(room, next);
  const shake = new Shake(next);
  const poses: Float64Array[] = [];
  for (let k = 0; k < frames; k++) {
    const t = frames === 1 ? 0 : k / (frames - 1);
    const [x, y] = along(walk, t);
    const z = (EYE[0] + EYE[1]) / 2 + ((EYE[1] - EYE[0]) / 2) * 0.8 * shake.at(0, t * 5);
    const target = gaze.at(t, x, y);
    const yaw = Math.atan2(target[1] - y, target[0] - x) + 0.05 * shake.at(1, k * 0.9);
    const distance = Math.max(0.9, Math.hypot(target[0] - x, target[1] - y));
    const pitch =
      Math.atan2(target[2] - z, distance) + 0.04 * shake.at(2, k * 0.9) + 0.1 * shake.at(3, t * 9);
    const roll = 0.03 * shake.at(4, k * 0.7) + 0.04 * shake.at(5, t * 6);
    poses.push(lookAlong([x, y, z], yaw, Math.max(-0.75, Math.min(0.3, pitch)), roll));
  }
  return poses;
}

/** Camera to world from heading (anticlockwise from x), elevation and roll, in radians. */
export function lookAlong(eye: Vec3, yaw: number, pitch: number, roll: number): Float64Array {
  const cy = Math.cos(yaw);
  const sy = Math.sin(yaw);
  const cp = Math.cos(pitch);
  const sp = Math.sin(pitch);
  const cr = Math.cos(roll);
  const sr = Math.sin(roll);
  const forward = [cy * cp, sy * cp, sp];
  const level = [sy, -cy, 0];
  const down = [cy * sp, sy * sp, -cp];
  const pose = new Float64Array(16);
  for (let k = 0; k < 3; k++) {
    pose[4 * k] = cr * level[k] + sr * down[k];
    pose[4 * k + 1] = cr * down[k] - sr * level[k];
    pose[4 * k + 2] = forward[k];
    pose[4 * k + 3] = eye[k];
  }
  pose[15] = 1;
  return pose;
}

/** Where a camera at eye height may be, on a grid of cells. */
class Ground {
  private readonly columns: number;
  private readonly rows: number;
  private readonly open: Uint8Array;

  constructor(private readonly room: Room) {
    this.columns = Math.floor(room.width / CELL);
    this.rows = Math.floor(room.length / CELL);
    const free = new Uint8Array(this.columns * this.rows).fill(1);
    const low = EYE[0] - CLEARANCE;
    const high = EYE[1] + CLEARANCE;
    for (const solid of room.solids) {
      const b = boundsOf(solid);
      if (b[2] > high || b[5] < low) continue;
      for (let j = 0; j < this.rows; j++) {
        for (let i = 0; i < this.columns; i++) {
          const [x, y] = this.centre(i + this.columns * j);
          const dx = Math.max(b[0] - x, 0, x - b[3]);
          const dy = Math.max(b[1] - y, 0, y - b[4]);
          // Half a cell more, since the path runs between cell centres.
          if (dx * dx + dy * dy < (CLEARANCE + CELL / 2) ** 2) free[i + this.columns * j] = 0;
        }
      }
    }
    this.open = largestRegion(free, this.columns, this.rows);
  }

  private centre(cell: number): [number, number] {
    const i = cell % this.columns;
    return [(i + 0.5) * CELL, ((cell - i) / this.columns + 0.5) * CELL];
  }

  private isOpen(x: number, y: number): boolean {
    const i = Math.floor(x / CELL);
    const j = Math.floor(y / CELL);
    return i >= 0 && j >= 0 && i < this.columns && j < this.rows && this.open[i + this.columns * j] === 1;
  }

  /** A smooth tour through far-apart places that comes back near its start; points 5 cm apart or so. */
  walk(next: Random): [number, number][] {
    const cells: number[] = [];
    for (let c = 0; c < this.open.length; c++) if (this.open[c] === 1) cells.push(c);
    const stops = [cells[Math.floor(next() * cells.length)]];
    while (stops.length < 5) stops.push(this.farthest(cells, stops, next));
    const middle = [this.room.width / 2, this.room.length / 2];
    const angle = (c: number): number => {
      const [x, y] = this.centre(c);
      return Math.atan2(y - middle[1], x - middle[0]);
    };
    // In the order round the room, from the first stop and back to it.
    stops.sort((a, b) => angle(a) - angle(b));
    const path: number[] = [];
    for (let k = 0; k < stops.length; k++) {
      path.push(...this.route(stops[k], stops[(k + 1) % stops.length]));
    }
    let points = path.map((c) => this.centre(c));
    for (let round = 0; round < 60; round++) {
      points = points.map((point, k): [number, number] => {
        const before = points[Math.max(0, k - 1)];
        const after = points[Math.min(points.length - 1, k + 1)];
        const x = (before[0] + 2 * point[0] + after[0]) / 4;
        const y = (before[1] + 2 * point[1] + after[1]) / 4;
        return this.isOpen(x, y) ? [x, y] : point;
      });
    }
    return points;
  }

  private farthest(cells: readonly number[], stops: readonly number[], next: Random): number {
    let best = stops[0];
    let bestDistance = -1;
    for (let attempt = 0; attempt < 40; attempt++) {
      const cell = cells[Math.floor(next() * cells.length)];
      const [x, y] = this.centre(cell);
      const nearest = Math.min(
        ...stops.map((stop) => {
          const [sx, sy] = this.centre(stop);
          return Math.hypot(sx - x, sy - y);
        }),
      );
      if (nearest > bestDistance) {
        bestDistance = nearest;
        best = cell;
      }
    }
    return best;
  }

  /** Cells from one to another by breadth-first search, without the last. */
  private route(from: number, to: number): number[] {
    const { columns, open } = this;
    const parent = new Int32Array(open.length).fill(-1);
    parent[to] = to;
    const queue = [to];
    for (let head = 0; head < queue.length && parent[from] < 0; head++) {
      const cell = queue[head];
      for (const neighbour of neighbours(cell, columns, open.length)) {
        if (open[neighbour] === 1 && parent[neighbour] < 0) {
          parent[neighbour] = cell;
          queue.push(neighbour);
        }
      }
    }
    const path: number[] = [];
    for (let cell = from; cell !== to; cell = parent[cell]) path.push(cell);
    return path;
  }
}

function* neighbours(cell: number, columns: number, count: number): Generator<number> {
  const i = cell % columns;
  if (i > 0) yield cell - 1;
  if (i + 1 < columns) yield cell + 1;
  if (cell >= columns) yield cell - columns;
  if (cell + columns < count) yield cell + columns;
}

function largestRegion(free: Uint8Array, columns: number, rows: number): Uint8Array {
  const seen = new Uint8Array(free.length);
  let best: number[] = [];
  for (let start = 0; start < columns * rows; start++) {
    if (free[start] === 0 || seen[start] === 1) continue;
    const region = [start];
    seen[start] = 1;
    for (let head = 0; head < region.length; head++) {
      for (const neighbour of neighbours(region[head], columns, free.length)) {
        if (free[neighbour] === 1 && seen[neighbour] === 0) {
          seen[neighbour] = 1;
          region.push(neighbour);
        }
      }
    }
    if (region.length > best.length) best = region;
  }
  const open = new Uint8Array(free.length);
  for (const cell of best) open[cell] = 1;
  return open;
}

/** A point at fraction `t` of a polyline's length. */
function along(points: readonly [number, number][], t: number): [number, number] {
  const lengths = [0];
  for (let k = 1; k < points.length; k++) {
    const step = Math.hypot(points[k][0] - points[k - 1][0], points[k][1] - points[k - 1][1]);
    lengths.push(lengths[k - 1] + step);
  }
  const goal = t * lengths[lengths.length - 1];
  let k = 1;
  while (k < points.length - 1 && lengths[k] < goal) k++;
  if (points.length < 2) return points[0];
  const span = lengths[k] - lengths[k - 1] || 1;
  const u = Math.max(0, Math.min(1, (goal - lengths[k - 1]) / span));
  const [a, b] = [points[k - 1], points[k]];
  return [a[0] + (b[0] - a[0]) * u, a[1] + (b[1] - a[1]) * u];
}

/** What the eye is drawn to: a point that swings to and fro across the far half of the room. */
function gazeTargets(room: Room, next: Random): { at(t: number, x: number, y: number): Vec3 } {
  const swing = 0.5 + 0.3 * next();
  const swings = 3 + Math.floor(next() * 2);
  const phase = next() * 2 * Math.PI;
  const nod = next() * 2 * Math.PI;
  return {
    at(t, x, y) {
      const across = Math.atan2(room.length / 2 - y, room.width / 2 - x);
      const heading = across + swing * Math.sin(2 * Math.PI * swings * t + phase);
      const reach = 0.5 * Math.hypot(room.width, room.length);
      const glance = Math.max(0, Math.sin(2 * Math.PI * 1.7 * t + 2 * nod)) ** 8;
      const height = 0.6 + 0.5 * Math.sin(2 * Math.PI * 2.3 * t + nod) + 1.2 * glance;
      return [x + reach * Math.cos(heading), y + reach * Math.sin(heading), height];
    },
  };
}

/** Unsteady hands: smooth random curves of about unit size, one per channel. */
class Shake {
  private readonly knots: Float64Array[] = [];

  constructor(next: Random) {
    for (let channel = 0; channel < 6; channel++) {
      this.knots.push(
        Float64Array.from({ length: 64 }, () => Math.max(-1.5, Math.min(1.5, gaussian(next) * 0.6))),
      );
    }
  }

  at(channel: number, t: number): number {
    const knots = this.knots[channel];
    const k = Math.floor(t);
    const u = t - k;
    const a = knots[k & 63];
    const b = knots[(k + 1) & 63];
    return a + (b - a) * u * u * (3 - 2 * u);
  }
}
