import type { ClassName } from './classes.js';
import type { Material } from './materials.js';
import type { Solid } from './solid.js';
import type { Mat3, Vec3 } from './vector.js';

/** How a part departs from the bench's axes and from a plain box. */
export interface PartOptions {
  /** Radians about the bench's x axis, then its y axis, then its z axis. */
  readonly turn?: Vec3;
  readonly translucent?: boolean;
}

/** Hears of a lamp's bulb, `height` above the bench it stands on. */
export type LampSink = (bench: Bench, height: number) => void;

/**
 * A place where furniture is put together: an upright frame with its own origin and heading. Parts are given by
 * their label, material, centre and full size in metres; x runs along the piece, y from its back to its front,
 * z up.
 */
export class Bench {
  constructor(
    private readonly solids: Solid[],
    private readonly x: number,
    private readonly y: number,
    private readonly z: number,
    private readonly yaw: number,
  ) {}

  /** A bench that stands on this one. */
  at(x: number, y: number, z: number, yaw = 0): Bench {
    const [wx, wy, wz] = this.toWorld([x, y, z]);
    return new Bench(this.solids, wx, wy, wz, this.yaw + yaw);
  }

  toWorld([x, y, z]: Vec3): Vec3 {
    const cos = Math.cos(this.yaw);
    const sin = Math.sin(this.yaw);
    return [this.x + cos * x - sin * y, this.y + sin * x + cos * y, this.z + z];
  }

  /** Carries a direction to the world. */
  direction([x, y, z]: Vec3): Vec3 {
    const cos = Math.cos(this.yaw);
    const sin = Math.sin(this.yaw);
    return [cos * x - sin * y, sin * x + cos * y, z];
  }

  box(label: ClassName, material: Material, centre: Vec3, size: Vec3, options?: PartOptions): void {
    this.add({ shape: 'box', label, material }, centre, size, options);
  }

  rounded(
    label: ClassName,
    material: Material,
    centre: Vec3,
    size: Vec3,
    exponents: Vec3,
    options?: PartOptions,
  ): void {
    this.add({ shape: 'rounded', exponents, label, material }, centre, size, options);
  }

  /** @param taper radius at the top, in units of the radius at the bottom; above 1 turns it over. */
  frustum(
    label: ClassName,
    material: Material,
    centre: Vec3,
    size: Vec3,
    taper: number,
    options?: PartOptions,
  ): void {
    if (taper <= 1) this.add({ shape: 'frustum', taper, label, material }, centre, size, options);
    else {
      const [tx, ty, tz] = options?.turn ?? [0, 0, 0];
      this.add({ shape: 'frustum', taper: 1 / taper, label, material }, centre, size, {
        ...options,
        turn: [tx + Math.PI, ty, tz],
      });
    }
  }

  private add(
    part: Omit<Solid, 'centre' | 'half' | 'rotation' | 'translucent'>,
    centre: Vec3,
    size: Vec3,
    options: PartOptions = {},
  ): void {
    this.solids.push({
      ...part,
      centre: this.toWorld(centre),
      half: [size[0] / 2, size[1] / 2, size[2] / 2],
      rotation: rotation(this.yaw, options.turn ?? [0, 0, 0]),
      translucent: options.translucent ?? false,
    });
  }
}

/** Rz(yaw + z) Ry(y) Rx(x). */
function rotation(yaw: number, [x, y, z]: Vec3): Mat3 {
  const cz = Math.cos(yaw + z);
  const sz = Math.sin(yaw + z);
  const cy = Math.cos(y);
  const sy = Math.sin(y);
  const cx = Math.cos(x);
  const sx = Math.sin(x);
  return [
    cz * cy,
    cz * sy * sx - sz * cx,
    cz * sy * cx + sz * sx,
    sz * cy,
    sz * sy * sx + cz * cx,
    sz * sy * cx - cz * sx,
    -sy,
    cy * sx,
    cy * cx,
  ];
}
