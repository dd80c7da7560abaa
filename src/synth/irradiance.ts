import type { Bvh } from './bvh.js';
import { meanAlbedo } from './materials.js';
import { hash01 } from './noise.js';
import type { Light, Room } from './room.js';

/** Distance between stored values on a surface, in metres. */
const PITCH = 0.07;
const MAX_POINTS = 80;
const GATHER_RAYS = 32;
/** Rays to a panel are PANEL_GRID² and to a bulb as many. */
const PANEL_GRID = 3;
/** Shadow rays start this far off the surface and end this far before the light. */
const OFFSET = 0.002;
const STOP = 0.03;

/**
 * Diffuse light on every surface: soft direct light and one bounce. It does not depend on the viewer, so it is
 * computed once per scene, where and when a frame first needs it, and interpolated.
 *
 * Each convex solid carries a lattice on the faces of its bounding cube, drawn onto its surface from the centre.
 * A value depends on the room and its place in the lattice only, hence not on the order of frames, and holds
 * the light's irradiance over π, so that albedo times it is the radiance that leaves.
 */
export class Irradiance {
  /** RGB per lattice point, NaN where not yet known. Up to a few million numbers for a full room. */
  private readonly values: Float32Array;
  /** Per solid and face, 6 each: where its values start. */
  private readonly start: Int32Array;
  /** Points along each axis of a solid, 3 each. */
  private readonly points: Uint8Array;
  /** How far lattice borders stay inside the edges, in half extents, 3 per solid: corners touch other solids. */
  private readonly inset: Float64Array;
  private readonly albedos: Float64Array;
  private readonly surface = new Float64Array(3);
  private readonly place = new Float64Array(3);
  private readonly normal = new Float64Array(3);

  constructor(
    private readonly room: Room,
    private readonly bvh: Bvh,
  ) {
    const { count } = bvh.solids;
    this.start = new Int32Array(6 * count);
    this.points = new Uint8Array(3 * count);
    this.inset = new Float64Array(3 * count);
    this.albedos = new Float64Array(3 * count);
    let total = 0;
    for (let i = 0; i < count; i++) {
      const solid = bvh.solids.solids[i];
      this.albedos.set(meanAlbedo(solid.material), 3 * i);
      for (let axis = 0; axis < 3; axis++) {
        const half = solid.half[axis];
        this.points[3 * i + axis] = Math.min(MAX_POINTS, Math.max(2, Math.round((2 * half) / PITCH) + 1));
        this.inset[3 * i + axis] = Math.min(0.25, 0.012 / half);
      }
      for (let face = 0; face < 6; face++) {
        const axis = face >> 1;
        this.start[6 * i + face] = total;
        total += 3 * this.points[3 * i + ((axis + 1) % 3)] * this.points[3 * i + ((axis + 2) % 3)];
      }
    }
    this.values = new Float32Array(total).fill(Number.NaN);
  }

  /**
   * @param i solid
   * @param local a point on its surface, in its scaled frame
   * @param out receives RGB
   */
  at(i: number, local: Float64Array, out: Float64Array): void {
    const ax = Math.abs(local[0]);
    const ay = Math.abs(local[1]);
    const az = Math.abs(local[2]);
    const axis = ax >= ay && ax >= az ? 0 : ay >= az ? 1 : 2;
    const reach = local[axis];
    const face = 2 * axis + (reach > 0 ? 1 : 0);
    const b = (axis + 1) % 3;
    const c = (axis + 2) % 3;
    const nb = this.points[3 * i + b];
    const nc = this.points[3 * i + c];
    const scale = 1 / Math.abs(reach);
    const s = lattice(local[b] * scale, this.inset[3 * i + b], nb);
    const t = lattice(local[c] * scale, this.inset[3 * i + c], nc);
    const j = Math.min(nb - 2, Math.floor(s));
    const k = Math.min(nc - 2, Math.floor(t));
    const u = s - j;
    const v = t - k;
    const at00 = this.start[6 * i + face] + 3 * (k * nb + j);
    const at10 = at00 + 3;
    const at01 = at00 + 3 * nb;
    const at11 = at01 + 3;
    const { values } = this;
    if (Number.isNaN(values[at00])) this.compute(i, face, j, k, at00);
    if (Number.isNaN(values[at10])) this.compute(i, face, j + 1, k, at10);
    if (Number.isNaN(values[at01])) this.compute(i, face, j, k + 1, at01);
    if (Number.isNaN(values[at11])) this.compute(i, face, j + 1, k + 1, at11);
    for (let channel = 0; channel < 3; channel++) {
      const low = values[at00 + channel] + (values[at10 + channel] - values[at00 + channel]) * u;
      const high = values[at01 + channel] + (values[at11 + channel] - values[at01 + channel]) * u;
      out[channel] = low + (high - low) * v;
    }
  }

  private compute(i: number, face: number, j: number, k: number, to: number): void {
    const { bvh, room, surface, place, normal, values } = this;
    const { solids } = bvh;
    const axis = face >> 1;
    const b = (axis + 1) % 3;
    const c = (axis + 2) % 3;
    surface[axis] = face & 1 ? 1 : -1;
    surface[b] = onAxis(j, this.inset[3 * i + b], this.points[3 * i + b]);
    surface[c] = onAxis(k, this.inset[3 * i + c], this.points[3 * i + c]);
    solids.projectToSurface(i, surface);
    solids.normal(i, surface, normal);
    const solid = solids.solids[i];
    for (let row = 0; row < 3; row++) {
      place[row] = solid.centre[row] + OFFSET * normal[row];
      for (let col = 0; col < 3; col++) {
        place[row] += solid.rotation[3 * row + col] * surface[col] * solid.half[col];
      }
    }
    // All points of a face share their rays' pattern, so that neighbours err alike and the face looks smooth.
    const seed = 6 * i + face;
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let l = 0; l < room.lights.length; l++) {
      const light = room.lights[l];
      const share = this.direct(light, seed, l);
      red += share * light.colour[0];
      green += share * light.colour[1];
      blue += share * light.colour[2];
    }
    // Cosine-distributed directions (Malley) from a shifted R2 sequence: the estimate is the plain mean.
    const { ray } = bvh;
    const shift0 = hash01(seed, 0, 0, 3);
    const shift1 = hash01(seed, 0, 0, 4);
    // A tangent: the normal crossed with the x axis, or with the y axis where it is close to x.
    const alongX = Math.abs(normal[0]) > 0.7;
    let ax = alongX ? -normal[2] : 0;
    let ay = alongX ? 0 : normal[2];
    let az = alongX ? normal[0] : -normal[1];
    const length = Math.sqrt(ax * ax + ay * ay + az * az);
    ax /= length;
    ay /= length;
    az /= length;
    const bx = normal[1] * az - normal[2] * ay;
    const by = normal[2] * ax - normal[0] * az;
    const bz = normal[0] * ay - normal[1] * ax;
    let gatherRed = 0;
    let gatherGreen = 0;
    let gatherBlue = 0;
    for (let n = 0; n < GATHER_RAYS; n++) {
      const r = (0.5 + n) / GATHER_RAYS;
      const spread = (r + shift0) % 1;
      const angle = 2 * Math.PI * ((n * 0.7548776662466927 + shift1) % 1);
      const radius = Math.sqrt(spread);
      const up = Math.sqrt(Math.max(0, 1 - spread));
      const p = radius * Math.cos(angle);
      const q = radius * Math.sin(angle);
      ray.set(place);
      ray[3] = p * ax + q * bx + up * normal[0];
      ray[4] = p * ay + q * by + up * normal[1];
      ray[5] = p * az + q * bz + up * normal[2];
      const hit = bvh.nearest(Number.POSITIVE_INFINITY);
      if (hit < 0) continue;
      // What is very near lies in shade itself.
      const open = Math.min(1, bvh.hit[0] / 0.5);
      gatherRed += this.albedos[3 * hit] * open;
      gatherGreen += this.albedos[3 * hit + 1] * open;
      gatherBlue += this.albedos[3 * hit + 2] * open;
    }
    values[to] = red + (room.ambient[0] * gatherRed) / GATHER_RAYS;
    values[to + 1] = green + (room.ambient[1] * gatherGreen) / GATHER_RAYS;
    values[to + 2] = blue + (room.ambient[2] * gatherBlue) / GATHER_RAYS;
  }

  /** Irradiance over π at `place` from a light of unit colour, by stratified shadow rays. */
  private direct(light: Light, seed: number, index: number): number {
    const { bvh, place, normal } = this;
    const { ray } = bvh;
    const panel = light.kind === 'panel';
    const cells = PANEL_GRID * PANEL_GRID;
    let sum = 0;
    for (let n = 0; n < cells; n++) {
      const s = ((n % PANEL_GRID) + hash01(seed, n, index, 1)) / PANEL_GRID;
      const t = (Math.floor(n / PANEL_GRID) + hash01(seed, n, index, 2)) / PANEL_GRID;
      let dx: number;
      let dy: number;
      let dz: number;
      if (panel) {
        dx = light.centre[0] + (2 * s - 1) * light.u[0] + (2 * t - 1) * light.v[0] - place[0];
        dy = light.centre[1] + (2 * s - 1) * light.u[1] + (2 * t - 1) * light.v[1] - place[1];
        dz = light.centre[2] + (2 * s - 1) * light.u[2] + (2 * t - 1) * light.v[2] - place[2];
      } else {
        // Uniform on the bulb's sphere.
        const z = 2 * s - 1;
        const ring = Math.sqrt(1 - z * z) * light.u[0];
        dx = light.centre[0] + ring * Math.cos(2 * Math.PI * t) - place[0];
        dy = light.centre[1] + ring * Math.sin(2 * Math.PI * t) - place[1];
        dz = light.centre[2] + z * light.u[0] - place[2];
      }
      const cosine = dx * normal[0] + dy * normal[1] + dz * normal[2];
      if (cosine <= 0) continue;
      const square = dx * dx + dy * dy + dz * dz;
      const distance = Math.sqrt(square);
      let weight = cosine / (distance * Math.max(square, 0.01));
      if (panel) {
        const out = -(dx * light.normal[0] + dy * light.normal[1] + dz * light.normal[2]) / distance;
        if (out <= 0) continue;
        weight *= out;
      }
      ray.set(place);
      ray[3] = dx / distance;
      ray[4] = dy / distance;
      ray[5] = dz / distance;
      if (!bvh.blocked(distance - STOP)) sum += weight;
    }
    const area = panel ? (4 * Math.hypot(...light.u) * Math.hypot(...light.v)) / Math.PI : 1;
    return (sum / cells) * area;
  }
}

/** A coordinate in [-1, 1] as a place in a lattice of `n` points that stays `inset` inside, clamped to it. */
function lattice(x: number, inset: number, n: number): number {
  return Math.min(n - 1, Math.max(0, ((x / (1 - inset) + 1) / 2) * (n - 1)));
}

/** The inverse of `lattice`. */
function onAxis(index: number, inset: number, n: number): number {
  return ((2 * index) / (n - 1) - 1) * (1 - inset);
}
