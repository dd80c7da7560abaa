/** Hash of three lattice coordinates and a seed to [0, 1). Coordinates are truncated to 32-bit integers. */
export function hash01(x: number, y: number, z: number, seed: number): number {
  let h =
    Math.imul(x, 0x27d4eb2d) ^
    Math.imul(y, 0x165667b1) ^
    Math.imul(z, 0x9e3779b1) ^
    Math.imul(seed, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 4294967296;
}

/** Smooth noise in [0, 1): random values at integer points, joined by cubic easing. */
export function valueNoise(x: number, y: number, z: number, seed: number): number {
  const i = Math.floor(x);
  const j = Math.floor(y);
  const k = Math.floor(z);
  let u = x - i;
  let v = y - j;
  let w = z - k;
  u = u * u * (3 - 2 * u);
  v = v * v * (3 - 2 * v);
  w = w * w * (3 - 2 * w);
  const a = hash01(i, j, k, seed);
  const b = hash01(i + 1, j, k, seed);
  const c = hash01(i, j + 1, k, seed);
  const d = hash01(i + 1, j + 1, k, seed);
  const near = a + (b - a) * u + (c - a + (a - b - c + d) * u) * v;
  const e = hash01(i, j, k + 1, seed);
  const f = hash01(i + 1, j, k + 1, seed);
  const g = hash01(i, j + 1, k + 1, seed);
  const h = hash01(i + 1, j + 1, k + 1, seed);
  const far = e + (f - e) * u + (g - e + (e - f - g + h) * u) * v;
  return near + (far - near) * w;
}

/**
 * Sum of octaves, each twice as fine and half as strong, in [0, 1).
 * @param footprint size of a pixel in the units of x, y and z: octaves finer than two pixels give their mean
 */
export function fractalNoise(
  x: number,
  y: number,
  z: number,
  seed: number,
  octaves: number,
  footprint: number,
): number {
  let sum = 0;
  let weight = 0.5;
  let rest = 1;
  for (let octave = 0; octave < octaves && footprint < 1; octave++) {
    const share = octave === octaves - 1 ? rest : weight;
    const kept = footprint > 0.5 ? 2 - 2 * footprint : 1;
    sum += share * (0.5 + kept * (valueNoise(x, y, z, seed + octave) - 0.5));
    rest -= share;
    weight *= 0.5;
    x *= 2.03;
    y *= 2.03;
    z *= 2.03;
    footprint *= 2.03;
  }
  return sum + 0.5 * rest;
}
