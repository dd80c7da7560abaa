import { Bvh } from './bvh.js';
import { Irradiance } from './irradiance.js';
import { albedo, outdoors } from './materials.js';
import type { Room } from './room.js';
import { SolidArray } from './solid.js';

/** Mirror images and highlights weaker than this are not traced. */
const FAINT = 0.02;
const FAINT_HIGHLIGHT = 0.002;
/** Mirrored and shadow rays start this far off the surface, in metres. */
const OFFSET = 1e-4;
/** Shadow rays end this far before a light's centre, inside its lamp or before its pane. */
const STOP = 0.08;

/**
 * The look of a room along a ray: albedo times stored diffuse light, a Fresnel mirror image (Schlick 1994) of
 * what stands opposite, and highlights of the lights (Phong lobe about the point of the light nearest to the
 * mirrored ray). The last two move with the viewer.
 */
export class Shader {
  readonly bvh: Bvh;
  private readonly irradiance: Irradiance;
  /** Axis of each solid along which wood grows: its longest. */
  private readonly grain: Uint8Array;
  private readonly local = new Float64Array(3);
  private readonly metric = new Float64Array(3);
  private readonly normal = new Float64Array(3);
  private readonly direction = new Float64Array(3);
  private readonly paint = new Float64Array(3);
  private readonly light = new Float64Array(3);
  private readonly mirrorRay = new Float64Array(6);
  private readonly mirrorImage = new Float64Array(3);

  constructor(private readonly room: Room) {
    this.bvh = new Bvh(new SolidArray(room.solids));
    this.irradiance = new Irradiance(room, this.bvh);
    this.grain = Uint8Array.from(room.solids, ({ half: [x, y, z] }) =>
      x >= y && x >= z ? 0 : y >= z ? 1 : 2,
    );
  }

  /**
   * Radiance that comes back along `bvh.ray` from solid `i` at parameter `t`. Overwrites `bvh.ray`.
   * @param ray origin and unit direction, 6 numbers; read before anything is traced
   * @param spread width of a pixel at distance 1
   * @param out receives linear RGB
   * @param mirrored whether the ray is itself a mirror image, which stops the recursion
   */
  radiance(
    i: number,
    t: number,
    ray: Float64Array,
    spread: number,
    out: Float64Array,
    mirrored = false,
  ): void {
    const { bvh, local, metric, normal, direction, paint, light, room } = this;
    const solid = room.solids[i];
    const look = solid.material;
    direction[0] = ray[3];
    direction[1] = ray[4];
    direction[2] = ray[5];
    const px = ray[0] + t * direction[0];
    const py = ray[1] + t * direction[1];
    const pz = ray[2] + t * direction[2];
    bvh.solids.localPoint(i, px, py, pz, local);
    bvh.solids.normal(i, local, normal);
    const cosine = Math.max(
      0.02,
      -(direction[0] * normal[0] + direction[1] * normal[1] + direction[2] * normal[2]),
    );

    if (look.texture === 'outdoors') {
      outdoors(look, direction, out);
    } else {
      metric[0] = local[0] * solid.half[0];
      metric[1] = local[1] * solid.half[1];
      metric[2] = local[2] * solid.half[2];
      const ax = Math.abs(local[0]);
      const ay = Math.abs(local[1]);
      const az = Math.abs(local[2]);
      const face = ax >= ay && ax >= az ? 0 : ay >= az ? 1 : 2;
      // Between the width and the length of the pixel's foreshortened print.
      const footprint = (spread * t) / Math.sqrt(cosine);
      albedo(look, metric, local, face, this.grain[i], footprint, paint);
      this.irradiance.at(i, local, light);
      for (let k = 0; k < 3; k++) out[k] = paint[k] * (light[k] + look.emission);
    }

    const strength = Math.max(look.mirror, look.gloss);
    if (strength === 0) return;
    const fresnel = look.normalReflectance + (1 - look.normalReflectance) * (1 - cosine) ** 5;
    const rx = direction[0] + 2 * cosine * normal[0];
    const ry = direction[1] + 2 * cosine * normal[1];
    const rz = direction[2] + 2 * cosine * normal[2];
    const sx = px + OFFSET * normal[0];
    const sy = py + OFFSET * normal[1];
    const sz = pz + OFFSET * normal[2];
    if (look.gloss > 0) this.highlights(look.gloss * fresnel, look.shininess, sx, sy, sz, rx, ry, rz, out);
    const share = fresnel * look.mirror;
    if (mirrored || share < FAINT) return;
    const { mirrorRay, mirrorImage } = this;
    mirrorRay[0] = sx;
    mirrorRay[1] = sy;
    mirrorRay[2] = sz;
    mirrorRay[3] = rx;
    mirrorRay[4] = ry;
    mirrorRay[5] = rz;
    bvh.ray.set(mirrorRay);
    const hit = bvh.nearest(Number.POSITIVE_INFINITY);
    for (let k = 0; k < 3; k++) out[k] *= 1 - share;
    if (hit < 0) return;
    // A coarser footprint stands in for the blur of a surface that is no perfect mirror.
    this.radiance(hit, bvh.hit[0], mirrorRay, spread * 4, mirrorImage, true);
    for (let k = 0; k < 3; k++) out[k] += share * mirrorImage[k];
  }

  /** Adds what the lights leave on a rough surface around the mirrored direction. */
  private highlights(
    strength: number,
    shininess: number,
    x: number,
    y: number,
    z: number,
    rx: number,
    ry: number,
    rz: number,
    out: Float64Array,
  ): void {
    const { ray } = this.bvh;
    for (const light of this.room.lights) {
      let dx = light.centre[0] - x;
      let dy = light.centre[1] - y;
      let dz = light.centre[2] - z;
      // A bulb's lobe is narrow and falls off with distance; a panel fills it from any distance.
      let energy = 1.2;
      if (light.kind === 'panel') {
        const facing = dx * light.normal[0] + dy * light.normal[1] + dz * light.normal[2];
        if (facing >= 0) continue;
        const slope = rx * light.normal[0] + ry * light.normal[1] + rz * light.normal[2];
        // Where the mirrored ray meets the light's plane, held within its rectangle.
        const t = slope < -1e-3 ? facing / slope : 4;
        const uu = light.u[0] ** 2 + light.u[1] ** 2 + light.u[2] ** 2;
        const vv = light.v[0] ** 2 + light.v[1] ** 2 + light.v[2] ** 2;
        const s0 =
          ((rx * t - dx) * light.u[0] + (ry * t - dy) * light.u[1] + (rz * t - dz) * light.u[2]) / uu;
        const s1 =
          ((rx * t - dx) * light.v[0] + (ry * t - dy) * light.v[1] + (rz * t - dz) * light.v[2]) / vv;
        const u = Math.max(-1, Math.min(1, s0));
        const v = Math.max(-1, Math.min(1, s1));
        dx += u * light.u[0] + v * light.v[0];
        dy += u * light.u[1] + v * light.v[1];
        dz += u * light.u[2] + v * light.v[2];
      } else energy = (shininess + 2) / 2 / Math.max(0.05, dx * dx + dy * dy + dz * dz);
      const distance = Math.sqrt(dx * dx + dy * dy + dz * dz);
      const aligned = (dx * rx + dy * ry + dz * rz) / distance;
      if (aligned <= 0) continue;
      const value = strength * energy * aligned ** shininess;
      if (value * light.colour[0] < FAINT_HIGHLIGHT) continue;
      ray[0] = x;
      ray[1] = y;
      ray[2] = z;
      ray[3] = dx / distance;
      ray[4] = dy / distance;
      ray[5] = dz / distance;
      if (this.bvh.blocked(distance - STOP)) continue;
      for (let k = 0; k < 3; k++) out[k] += value * light.colour[k];
    }
  }
}
