/** Axis-aligned, metres. */
export interface Box {
  readonly centre: Vector;
  readonly size: Vector;
}

export type Vector = readonly [x: number, y: number, z: number];

/** Floats of a point: x, y, z and entropy. */
export const STRIDE = 4;

/** Share of the points left out beyond each side: a few wild depths would push the camera far away. */
const BEYOND = 0.01;

/** Points looked at to find bounds: enough for 1 %, and quick to sort. */
const SAMPLE = 20_000;

/** @returns undefined where there is no point */
export function boundsOf(points: Float32Array): Box | undefined {
  const count = points.length / STRIDE;
  if (count === 0) return undefined;
  const step = Math.max(1, Math.floor(count / SAMPLE));
  const ranges = [0, 1, 2].map((axis) => {
    const values = Float32Array.from(
      { length: Math.ceil(count / step) },
      (_, i) => points[STRIDE * i * step + axis]!,
    ).sort();
    const last = values.length - 1;
    return [values[Math.round(BEYOND * last)]!, values[Math.round((1 - BEYOND) * last)]!] as const;
  });
  return {
    centre: ranges.map(([low, high]) => (low + high) / 2) as unknown as Vector,
    size: ranges.map(([low, high]) => high - low) as unknown as Vector,
  };
}

/**
 * Which way is up: rooms are wider than high. Heights are measured along z upwards in most recordings; along y, where the first
 * camera is the world, downwards.
 */
export function upOf({ size: [x, y, z] }: Box): Vector {
  return y < 0.8 * Math.min(x, z) ? [0, -1, 0] : [0, 0, 1];
}

/**
 * Where to look from first: from a corner, some 35° above, as far away as shows the whole box.
 * @param fov vertical, degrees
 * @param aspect width by height
 */
export function firstCamera({ centre, size }: Box, up: Vector, fov: number, aspect: number): Vector {
  const half = Math.atan(Math.tan((fov * Math.PI) / 360) * Math.min(aspect, 1));
  // A sphere around the box; a little inside of it, as boxes do not fill theirs.
  const radius = Math.max(Math.hypot(...size) / 2, 0.1);
  const distance = (0.85 * radius) / Math.sin(half);
  const around: Vector = up[2] !== 0 ? [0.62, -0.78, 0] : [0.62, 0, -0.78];
  const level = Math.cos((35 * Math.PI) / 180);
  const rise = Math.sin((35 * Math.PI) / 180);
  return centre.map((c, i) => c + distance * (level * around[i]! + rise * up[i]!)) as unknown as Vector;
}
