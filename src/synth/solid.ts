import type { ClassName } from './classes.js';
import type { Material } from './materials.js';
import type { Mat3, Vec3 } from './vector.js';

/**
 * A convex solid. In its own frame, scaled by `half`, it fills the cube [-1, 1]³ in each direction:
 * - `box`: the cube itself;
 * - `rounded`: x^a + y^b + z^c <= 1 with even exponents (2, 2, 2 is an ellipsoid, 8, 8, 8 a box with soft
 *   edges, 4, 4, 2 a cushion);
 * - `frustum`: a cone between z = -1, where its radius is 1, and z = 1, where it is `taper`.
 * All are convex, so that a ray meets each in one interval, and light can be stored per direction from the centre.
 */
export interface Solid {
  readonly shape: 'box' | 'rounded' | 'frustum';
  readonly centre: Vec3;
  /** Half extents in metres, all above 0. */
  readonly half: Vec3;
  readonly rotation: Mat3;
  /** Each 2, 4, 8 or 16; `rounded` only. */
  readonly exponents?: Vec3;
  /** At most 1 and above 0, since the point of a cone has no normal; `frustum` only. */
  readonly taper?: number;
  readonly label: ClassName;
  readonly material: Material;
  /** Lets light through: lamp shades around their bulb. */
  readonly translucent?: boolean;
}

export const SHAPES = ['box', 'rounded', 'frustum'] as const;
const BOX = 0;
const ROUNDED = 1;

/**
 * Solids packed for the tracer. Rays are carried into each solid's own scaled frame, where the shapes are fixed
 * and the ray parameter t is the same as in the world.
 */
export class SolidArray {
  readonly count: number;
  /** 3×4 row-major world to local per solid: the inverse of rotate, scale by `half`, translate. */
  readonly toLocal: Float64Array;
  /** Index into `SHAPES`. */
  readonly shape: Uint8Array;
  /** Per solid: how often to square each coordinate (`rounded`); or the two numbers of radius = a + b z. */
  readonly parameters: Float64Array;
  /** 0 where the solid lets light through. */
  readonly opaque: Uint8Array;
  /** Origin and direction of the current ray in the current solid's frame. */
  private readonly local = new Float64Array(6);

  constructor(readonly solids: readonly Solid[]) {
    this.count = solids.length;
    this.toLocal = new Float64Array(12 * this.count);
    this.shape = new Uint8Array(this.count);
    this.parameters = new Float64Array(3 * this.count);
    this.opaque = Uint8Array.from(solids, ({ translucent }) => (translucent === true ? 0 : 1));
    solids.forEach((solid, i) => {
      const { rotation: r, half, centre } = solid;
      for (let axis = 0; axis < 3; axis++) {
        let shift = 0;
        for (let k = 0; k < 3; k++) {
          const m = r[3 * k + axis] / half[axis];
          this.toLocal[12 * i + 4 * axis + k] = m;
          shift -= m * centre[k];
        }
        this.toLocal[12 * i + 4 * axis + 3] = shift;
      }
      this.shape[i] = SHAPES.indexOf(solid.shape);
      if (solid.shape === 'rounded') {
        const exponents = solid.exponents ?? [2, 2, 2];
        for (let k = 0; k < 3; k++) this.parameters[3 * i + k] = Math.log2(exponents[k]);
      } else if (solid.shape === 'frustum') {
        const taper = solid.taper ?? 1;
        this.parameters[3 * i] = (1 + taper) / 2;
        this.parameters[3 * i + 1] = (taper - 1) / 2;
      }
    });
  }

  /**
   * The interval in which a ray is inside solid `i`.
   * @param ray origin and direction in the world, 6 numbers
   * @param interval receives t at entry and exit; entry may be negative
   * @returns whether the line meets the solid at all
   */
  intersect(i: number, ray: Float64Array, interval: Float64Array): boolean {
    const m = this.toLocal;
    const k = 12 * i;
    const rx = ray[0];
    const ry = ray[1];
    const rz = ray[2];
    const vx = ray[3];
    const vy = ray[4];
    const vz = ray[5];
    const ox = m[k] * rx + m[k + 1] * ry + m[k + 2] * rz + m[k + 3];
    const dx = m[k] * vx + m[k + 1] * vy + m[k + 2] * vz;
    const oy = m[k + 4] * rx + m[k + 5] * ry + m[k + 6] * rz + m[k + 7];
    const dy = m[k + 4] * vx + m[k + 5] * vy + m[k + 6] * vz;
    const oz = m[k + 8] * rx + m[k + 9] * ry + m[k + 10] * rz + m[k + 11];
    const dz = m[k + 8] * vx + m[k + 9] * vy + m[k + 10] * vz;

    // Every shape lies in the cube. A zero direction gives infinite or NaN bounds: NaN (origin on the slab's
    // face) is kept out by comparisons that are false for it.
    let enter = Number.NEGATIVE_INFINITY;
    let exit = Number.POSITIVE_INFINITY;
    const ix = 1 / dx;
    const iy = 1 / dy;
    const iz = 1 / dz;
    let near = (dx < 0 ? 1 - ox : -1 - ox) * ix;
    let far = (dx < 0 ? -1 - ox : 1 - ox) * ix;
    if (near > enter) enter = near;
    if (far < exit) exit = far;
    near = (dy < 0 ? 1 - oy : -1 - oy) * iy;
    far = (dy < 0 ? -1 - oy : 1 - oy) * iy;
    if (near > enter) enter = near;
    if (far < exit) exit = far;
    near = (dz < 0 ? 1 - oz : -1 - oz) * iz;
    far = (dz < 0 ? -1 - oz : 1 - oz) * iz;
    if (near > enter) enter = near;
    if (far < exit) exit = far;
    if (!(enter < exit)) return false;
    const shape = this.shape[i];
    if (shape === BOX) {
      interval[0] = enter;
      interval[1] = exit;
      return true;
    }
    const { local } = this;
    local[0] = ox;
    local[1] = oy;
    local[2] = oz;
    local[3] = dx;
    local[4] = dy;
    local[5] = dz;
    interval[0] = enter;
    interval[1] = exit;
    if (shape === ROUNDED) {
      return (
        shrink(local, this.parameters, 3 * i, interval, 0) &&
        shrink(local, this.parameters, 3 * i, interval, 1) &&
        interval[0] < interval[1]
      );
    }
    return cutByCone(local, this.parameters, 3 * i, interval);
  }

  /** Carries a world point into solid `i`'s scaled frame. */
  localPoint(i: number, x: number, y: number, z: number, out: Float64Array): void {
    const m = this.toLocal;
    for (let axis = 0; axis < 3; axis++) {
      const k = 12 * i + 4 * axis;
      out[axis] = m[k] * x + m[k + 1] * y + m[k + 2] * z + m[k + 3];
    }
  }

  /** Outward unit normal in the world at a local surface point. */
  normal(i: number, local: Float64Array, out: Float64Array): void {
    const x = local[0];
    const y = local[1];
    const z = local[2];
    let nx = 0;
    let ny = 0;
    let nz = 0;
    const shape = this.shape[i];
    const p = 3 * i;
    if (shape === BOX) {
      const ax = Math.abs(x);
      const ay = Math.abs(y);
      const az = Math.abs(z);
      if (ax >= ay && ax >= az) nx = x;
      else if (ay >= az) ny = y;
      else nz = z;
    } else if (shape === ROUNDED) {
      nx = powerSlope(x, this.parameters[p]);
      ny = powerSlope(y, this.parameters[p + 1]);
      nz = powerSlope(z, this.parameters[p + 2]);
    } else {
      const a = this.parameters[p];
      const b = this.parameters[p + 1];
      const radius = a + b * z;
      if (Math.abs(1 - Math.abs(z)) < Math.abs(Math.hypot(x, y) - radius)) nz = z;
      else {
        nx = x;
        ny = y;
        nz = -b * radius;
      }
    }
    // Normals go by the transpose of the inverse, and `toLocal` is the inverse.
    const m = this.toLocal;
    const k = 12 * i;
    const wx = m[k] * nx + m[k + 4] * ny + m[k + 8] * nz;
    const wy = m[k + 1] * nx + m[k + 5] * ny + m[k + 9] * nz;
    const wz = m[k + 2] * nx + m[k + 6] * ny + m[k + 10] * nz;
    const length = Math.sqrt(wx * wx + wy * wy + wz * wz) || 1;
    out[0] = wx / length;
    out[1] = wy / length;
    out[2] = wz / length;
  }

  /** Pulls a point of the cube's surface towards the centre until it lies on solid `i`, in place. */
  projectToSurface(i: number, local: Float64Array): void {
    const [x, y, z] = local;
    const shape = this.shape[i];
    const p = 3 * i;
    let scale = 1;
    if (shape === ROUNDED) {
      // Convex and rising from the left: Newton from scale 1, where the sum is at least 1, falls onto the root.
      for (let step = 0; step < 40; step++) {
        const value =
          power(scale * x, this.parameters[p]) +
          power(scale * y, this.parameters[p + 1]) +
          power(scale * z, this.parameters[p + 2]) -
          1;
        const slope =
          x * powerSlope(scale * x, this.parameters[p]) +
          y * powerSlope(scale * y, this.parameters[p + 1]) +
          z * powerSlope(scale * z, this.parameters[p + 2]);
        scale -= value / slope;
        if (value < 1e-9) break;
      }
    } else if (shape !== BOX) {
      // The side lies where scale × radius = a + b × scale × z; away from the apex that is never.
      const approach = Math.hypot(x, y) - this.parameters[p + 1] * z;
      scale = Math.min(
        1 / Math.abs(z),
        approach > 0 ? this.parameters[p] / approach : Number.POSITIVE_INFINITY,
      );
    }
    local[0] = scale * x;
    local[1] = scale * y;
    local[2] = scale * z;
  }
}

/** x to the power 2^squarings. */
function power(x: number, squarings: number): number {
  let y = x * x;
  for (let k = 1; k < squarings; k++) y *= y;
  return y;
}

/** Derivative of `power`. */
function powerSlope(x: number, squarings: number): number {
  if (squarings === 1) return 2 * x;
  const cube = x * x * x;
  if (squarings === 2) return 4 * cube;
  const seventh = cube * cube * x;
  if (squarings === 3) return 8 * seventh;
  return 16 * seventh * seventh * x;
}

/**
 * Moves one end of an interval (0 the entry, 1 the exit) from the cube's face inwards to the root of
 * x^a + y^b + z^c = 1. The sum is convex in t, so Newton from outside never passes the root; a slope that turns
 * means that the ray misses, and the answer is false.
 */
function shrink(
  ray: Float64Array,
  parameters: Float64Array,
  p: number,
  interval: Float64Array,
  end: number,
): boolean {
  const a = parameters[p];
  const b = parameters[p + 1];
  const c = parameters[p + 2];
  const sense = 1 - 2 * end;
  let t = interval[end];
  for (let step = 0; step < 50; step++) {
    const x = ray[0] + t * ray[3];
    const y = ray[1] + t * ray[4];
    const z = ray[2] + t * ray[5];
    const value = power(x, a) + power(y, b) + power(z, c) - 1;
    if (value < 1e-10) break;
    const slope = ray[3] * powerSlope(x, a) + ray[4] * powerSlope(y, b) + ray[5] * powerSlope(z, c);
    if (slope * sense >= 0) return false;
    t -= value / slope;
  }
  interval[end] = t;
  return true;
}

/** Cuts the cube's interval by x² + y² <= (a + b z)²; false where nothing is left. */
function cutByCone(ray: Float64Array, parameters: Float64Array, p: number, interval: Float64Array): boolean {
  const b = parameters[p + 1];
  const radius = parameters[p] + b * ray[2];
  const A = ray[3] * ray[3] + ray[4] * ray[4] - b * b * ray[5] * ray[5];
  const B = ray[0] * ray[3] + ray[1] * ray[4] - b * ray[5] * radius;
  const C = ray[0] * ray[0] + ray[1] * ray[1] - radius * radius;
  let enter = interval[0];
  let exit = interval[1];
  const discriminant = B * B - A * C;
  if (discriminant < 0) {
    if (A >= 0) return false;
  } else {
    // The form that does not cancel: q has the sign of B.
    const q = B < 0 ? -B + Math.sqrt(discriminant) : -B - Math.sqrt(discriminant);
    if (q === 0 && A === 0) {
      if (C > 0) return false;
    } else {
      const r0 = A === 0 ? (q < 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY) : q / A;
      const r1 = q === 0 ? 0 : C / q;
      const low = Math.min(r0, r1);
      const high = Math.max(r0, r1);
      if (A >= 0) {
        if (low > enter) enter = low;
        if (high < exit) exit = high;
      } else if (low > enter) {
        // Steeper than the cone: inside it before `low` or after `high`; the solid holds only one of the two.
        if (low < exit) exit = low;
      } else if (high > enter) enter = high;
    }
  }
  if (!(enter < exit)) return false;
  interval[0] = enter;
  interval[1] = exit;
  return true;
}

/** Axis-aligned bounds in the world: minimum then maximum, 6 numbers. */
export function boundsOf(solid: Solid): Float64Array {
  const bounds = new Float64Array(6);
  for (let axis = 0; axis < 3; axis++) {
    let reach = 0;
    for (let k = 0; k < 3; k++) reach += Math.abs(solid.rotation[3 * axis + k]) * solid.half[k];
    bounds[axis] = solid.centre[axis] - reach;
    bounds[3 + axis] = solid.centre[axis] + reach;
  }
  return bounds;
}
