import type { Random } from '../random.js';
import { fractalNoise, hash01, valueNoise } from './noise.js';
import type { Vec3 } from './vector.js';

/** Linear RGB; albedos in [0, 1]. */
export type Rgb = Vec3;

export type Texture =
  | 'plain'
  | 'wood'
  | 'planks'
  | 'tiles'
  | 'fabric'
  | 'stripes'
  | 'checks'
  | 'wallpaper'
  | 'brick'
  | 'marble'
  | 'book'
  | 'rug'
  | 'picture'
  | 'foliage'
  | 'outdoors';

/** How a surface answers light: a procedural albedo, a Fresnel mirror over it, and a rough lobe. */
export interface Material {
  readonly texture: Texture;
  readonly base: Rgb;
  readonly accent: Rgb;
  /** Size of the pattern in metres. */
  readonly scale: number;
  /** Moves the pattern, and picks a picture's motif. */
  readonly seed: number;
  /** Share of the Fresnel reflection seen as a sharp mirror image, in [0, 1]. */
  readonly mirror: number;
  /** Strength of the rough highlight, in [0, 1], and its exponent (higher is narrower). */
  readonly gloss: number;
  readonly shininess: number;
  /** Reflectance at normal incidence: 0.04 for varnish and glass, 0.5 and more for metal. */
  readonly normalReflectance: number;
  /** Light that the surface gives off, times its albedo. */
  readonly emission: number;
}

const MATT = { scale: 0.1, seed: 0, mirror: 0, gloss: 0, shininess: 8, normalReflectance: 0.04, emission: 0 };

/** A material from the properties that matter; the rest is matt. */
export function material(
  texture: Texture,
  base: Rgb,
  accent: Rgb,
  more: Partial<Omit<Material, 'texture' | 'base' | 'accent'>> = {},
): Material {
  return { ...MATT, ...more, texture, base, accent };
}

/** A colour from hue in turns, saturation and value in [0, 1] as a person picks it, made linear. */
export function hsv(hue: number, saturation: number, value: number): Rgb {
  const channel = (shift: number): number => {
    const k = (shift + hue * 6) % 6;
    const screen = value - value * saturation * Math.max(0, Math.min(k, 4 - k, 1));
    return screen ** 2.2;
  };
  return [channel(5), channel(3), channel(1)];
}

export function mix(a: Rgb, b: Rgb, t: number): Rgb {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

/** The materials that a scene's things share: what a table is made of, a floor or a shelf may be made of too. */
export interface Style {
  readonly woods: readonly Material[];
  readonly fabrics: readonly Material[];
  /** Fabrics and leather. */
  readonly upholstery: readonly Material[];
  readonly paints: readonly Material[];
  readonly metals: readonly Material[];
  readonly wall: Material;
  readonly featureWall: Material;
  readonly floor: Material;
  readonly ceiling: Material;
}

export function pick<T>(items: readonly T[], next: Random): T {
  return items[Math.floor(next() * items.length)];
}

/** Uniform in [low, high). */
export function between(low: number, high: number, next: Random): number {
  return low + (high - low) * next();
}

/** Hues that people furnish with, in turns: reds and browns, ochres, greens, blues. */
const HUES = [0.0, 0.03, 0.06, 0.08, 0.1, 0.12, 0.14, 0.25, 0.33, 0.42, 0.5, 0.56, 0.6, 0.63, 0.92];

/** A colour for cloth and paint: mostly muted, now and then strong. */
export function tint(next: Random): Rgb {
  const hue = pick(HUES, next) + between(-0.02, 0.02, next) + 1;
  const strong = next() < 0.25;
  return hsv(hue, strong ? between(0.45, 0.75, next) : between(0.05, 0.4, next), between(0.22, 0.88, next));
}

function wood(next: Random): Material {
  const tone = next();
  const hue = between(0.04, 0.095, next);
  const base = hsv(hue, between(0.35, 0.65, next), 0.3 + 0.5 * tone);
  const gloss = between(0.1, 0.7, next);
  return material('wood', base, mix(base, [0, 0, 0], between(0.3, 0.6, next)), {
    scale: between(0.03, 0.08, next),
    seed: Math.floor(next() * 1e6),
    gloss,
    shininess: between(15, 60, next),
    mirror: gloss > 0.4 ? between(0.2, 0.7, next) : 0,
  });
}

function fabric(next: Random): Material {
  const texture = pick(['fabric', 'fabric', 'fabric', 'fabric', 'stripes', 'checks'] as const, next);
  return material(texture, tint(next), tint(next), {
    scale: between(0.04, 0.15, next),
    seed: Math.floor(next() * 1e6),
    gloss: 0.05,
    shininess: 6,
  });
}

function leather(next: Random): Material {
  const base = tint(next);
  return material('plain', base, mix(base, [0, 0, 0], 0.4), {
    seed: Math.floor(next() * 1e6),
    gloss: between(0.2, 0.5, next),
    shininess: between(12, 30, next),
  });
}

function paint(next: Random): Material {
  const white = next() < 0.5;
  const base = white
    ? hsv(between(0.05, 0.15, next), between(0, 0.1, next), between(0.8, 0.95, next))
    : tint(next);
  return material('plain', base, mix(base, [0, 0, 0], 0.3), {
    seed: Math.floor(next() * 1e6),
    gloss: between(0.1, 0.6, next),
    shininess: between(20, 90, next),
    mirror: next() < 0.3 ? between(0.1, 0.5, next) : 0,
  });
}

function metal(next: Random): Material {
  const base = next() < 0.6 ? hsv(0, 0, between(0.3, 0.6, next)) : hsv(0.1, 0.4, 0.6);
  return material('plain', base, base, {
    gloss: 1,
    shininess: 80,
    mirror: between(0.4, 0.9, next),
    normalReflectance: 0.5,
  });
}

export function makeStyle(next: Random): Style {
  const woods = [wood(next), wood(next), wood(next)];
  const fabrics = [fabric(next), fabric(next), fabric(next), fabric(next)];
  const upholstery = [...fabrics, leather(next)];
  const paints = [paint(next), paint(next), paint(next)];
  const metals = [metal(next), metal(next)];
  const seed = Math.floor(next() * 1e6);

  const wallHue = pick(HUES, next);
  const wallBase = hsv(wallHue, between(0, 0.25, next), between(0.7, 0.93, next));
  const wall = material('plain', wallBase, mix(wallBase, [0, 0, 0], 0.1), {
    seed,
    gloss: 0.06,
    shininess: 10,
  });
  const kind = next();
  const motif = hsv(
    wallHue + between(-0.08, 0.08, next) + 1,
    between(0.1, 0.45, next),
    between(0.35, 0.8, next),
  );
  const featureWall =
    kind < 0.3
      ? material('wallpaper', wallBase, motif, { seed, scale: between(0.15, 0.4, next) })
      : kind < 0.5
        ? material('stripes', wallBase, mix(wallBase, motif, 0.5), { seed, scale: between(0.12, 0.3, next) })
        : kind < 0.65
          ? material('brick', hsv(0.03, 0.5, 0.55), hsv(0.1, 0.05, 0.75), { seed, scale: 0.22 })
          : kind < 0.8
            ? ({ ...woods[0], texture: 'planks', scale: 0.14, mirror: 0 } satisfies Material)
            : { ...wall, base: motif };

  const floorKind = next();
  const floor =
    floorKind < 0.55
      ? ({ ...pick(woods, next), texture: 'planks', scale: between(0.09, 0.18, next) } satisfies Material)
      : floorKind < 0.75
        ? material('tiles', hsv(between(0.05, 0.15, next), 0.15, between(0.5, 0.9, next)), hsv(0, 0, 0.5), {
            scale: between(0.25, 0.5, next),
            seed,
            gloss: 0.6,
            shininess: 60,
            mirror: 0.7,
          })
        : material('fabric', tint(next), hsv(0, 0, 0.4), {
            scale: 0.03,
            seed,
          });
  const ceiling = material(
    'plain',
    hsv(0.12, between(0, 0.08, next), between(0.85, 0.96, next)),
    [0.6, 0.6, 0.6],
    {
      seed: seed + 1,
    },
  );
  return { woods, fabrics, upholstery, paints, metals, wall, featureWall, floor, ceiling };
}

/** Mean of the pattern, for light that bounces off it. */
export function meanAlbedo(m: Material): Rgb {
  switch (m.texture) {
    case 'plain':
    case 'foliage':
      return m.base;
    case 'outdoors':
      return [0.05, 0.05, 0.05];
    default:
      return mix(m.base, m.accent, 0.3);
  }
}

/**
 * Albedo of a material at a point.
 *
 * @param p the point in the solid's own frame, in metres (3 numbers)
 * @param unit the same point in units of the half extents, each in [-1, 1]
 * @param face axis of the face that the point lies on: 0, 1 or 2
 * @param grain axis along which wood grows
 * @param footprint size of a pixel on the surface in metres; finer detail is faded out
 * @param out receives linear RGB
 */
export function albedo(
  m: Material,
  p: Float64Array,
  unit: Float64Array,
  face: number,
  grain: number,
  footprint: number,
  out: Float64Array,
): void {
  const u = face === 0 ? p[1] : p[0];
  const v = face === 2 ? p[1] : p[2];
  let t = 0;
  let shade = 1;
  switch (m.texture) {
    case 'plain':
      t = 0.3 * fractalNoise(p[0] * 1.3, p[1] * 1.3, p[2] * 1.3, m.seed, 2, footprint * 1.3);
      shade = 1 + 0.06 * fade(footprint, 0.012) * (valueNoise(p[0] * 80, p[1] * 80, p[2] * 80, m.seed) - 0.5);
      break;
    case 'wood':
      t = woodGrain(p[0], p[1], p[2], grain, m.scale, m.seed, footprint);
      break;
    case 'planks': {
      const along = face === 2 ? p[0] : v;
      const across = face === 2 ? p[1] : u;
      const row = Math.floor(across / m.scale);
      const length = 8 * m.scale;
      const start = along / length + hash01(row, 0, 0, m.seed);
      const board = Math.floor(start);
      const tint = hash01(row, board, 1, m.seed);
      t = woodGrain(along, across + 3 * tint, 7 * tint, 0, 0.05, m.seed + row * 31 + board, footprint);
      shade = 0.75 + 0.4 * tint;
      const gap = Math.min(across - row * m.scale, m.scale * (row + 1) - across, (start - board) * length);
      if (gap < 0.003) shade *= 1 - 0.6 * fade(footprint, 0.006);
      break;
    }
    case 'tiles': {
      const i = Math.floor(u / m.scale);
      const j = Math.floor(v / m.scale);
      const edge = Math.min(u - i * m.scale, m.scale * (i + 1) - u, v - j * m.scale, m.scale * (j + 1) - v);
      shade = 0.88 + 0.2 * hash01(i, j, 2, m.seed);
      shade += 0.12 * (fractalNoise(u * 6, v * 6, i + 9 * j, m.seed, 3, footprint * 6) - 0.5);
      t = edge < 0.005 ? fade(footprint, 0.012) : 0;
      break;
    }
    case 'fabric': {
      const weave = fade(footprint, 0.008) * 0.35;
      const thread = valueNoise(p[0] * 260, p[1] * 260, p[2] * 260, m.seed);
      const clump = fractalNoise(p[0] * 25, p[1] * 25, p[2] * 25, m.seed + 5, 2, footprint * 25);
      shade = 1 - weave / 2 + weave * thread + 0.3 * (clump - 0.5);
      t = 0.12 * clump;
      break;
    }
    case 'stripes': {
      const phase = u / m.scale - Math.floor(u / m.scale);
      t = smooth(phase < 0.5 ? phase : 1 - phase, 0.25, (footprint / m.scale) * 0.7);
      break;
    }
    case 'checks': {
      const i = u / m.scale - Math.floor(u / m.scale);
      const j = v / m.scale - Math.floor(v / m.scale);
      const soft = (footprint / m.scale) * 0.7;
      t = 0.5 * smooth(i < 0.5 ? i : 1 - i, 0.3, soft) + 0.5 * smooth(j < 0.5 ? j : 1 - j, 0.3, soft);
      break;
    }
    case 'wallpaper': {
      const j = Math.floor(v / m.scale);
      const shifted = u / m.scale + (j & 1) * 0.5;
      const x = shifted - Math.floor(shifted) - 0.5;
      const y = v / m.scale - j - 0.5;
      const angle = Math.atan2(y, x);
      const petals = 3 + (m.seed % 4);
      const radius = 0.28 + 0.12 * Math.cos(petals * angle + (m.seed % 7));
      t = smooth(radius - Math.hypot(x, y), 0, 0.02 + footprint / m.scale) * 0.8;
      break;
    }
    case 'brick': {
      const height = m.scale / 3;
      const j = Math.floor(v / height);
      const shifted = u + (j & 1) * m.scale * 0.5;
      const i = Math.floor(shifted / m.scale);
      const edge = Math.min(
        shifted - i * m.scale,
        m.scale * (i + 1) - shifted,
        v - j * height,
        height * (j + 1) - v,
      );
      const rough = fractalNoise(u * 40, v * 40, i + 3 * j, m.seed, 2, footprint * 40);
      t = edge < 0.006 + 0.004 * rough ? fade(footprint, 0.02) * 0.9 + 0.1 : 0;
      shade = 0.7 + 0.35 * hash01(i, j, 3, m.seed) + 0.3 * (rough - 0.5);
      break;
    }
    case 'marble': {
      const bend = fractalNoise(p[0] * 5, p[1] * 5, p[2] * 5, m.seed, 4, footprint * 5);
      t = Math.abs(Math.sin((p[0] + p[1] * 0.7 + p[2]) * 6 + bend * 9)) ** 6;
      break;
    }
    case 'book': {
      // The spine faces local -y; pages show on the other faces.
      if (face === 1 && unit[1] < 0) {
        const bands = hash01(m.seed, 1, 0, 7);
        const z = unit[2];
        t = Math.abs(Math.abs(z) - 0.55 - 0.3 * bands) < 0.07 ? 1 : 0;
        const title = Math.abs(z) < 0.4 && Math.abs(unit[0]) < 0.4;
        if (title && valueNoise(z * 14, m.seed, 0, 3) > 0.45) t = 0.7;
        t *= fade(footprint, 0.05);
      } else if (face === 0) {
        t = 0.1 * valueNoise(u * 8, v * 8, 0, m.seed);
      } else {
        out[0] = 0.75;
        out[1] = 0.7;
        out[2] = 0.58;
        return;
      }
      break;
    }
    case 'rug': {
      const edge = Math.max(Math.abs(unit[0]), Math.abs(unit[1]));
      const ring = Math.floor(edge * 7);
      const diamond = Math.abs(((p[0] / m.scale) % 1) + 0.001) + Math.abs((p[1] / m.scale) % 1);
      t = ring === 6 || ring === 4 ? 1 : ring === 5 ? 0.2 : diamond % 0.7 < 0.35 ? 0.75 : 0;
      shade = 0.85 + 0.3 * fractalNoise(p[0] * 60, p[1] * 60, 0, m.seed, 2, footprint * 60);
      break;
    }
    case 'picture':
      picture(m, unit[0], unit[2], out);
      return;
    case 'foliage':
      t = fractalNoise(p[0] * 30, p[1] * 30, p[2] * 30, m.seed, 3, footprint * 30);
      t = t > 0.5 ? 1 : t;
      break;
    case 'outdoors':
      break;
  }
  for (let k = 0; k < 3; k++) out[k] = Math.max(0, (m.base[k] + (m.accent[k] - m.base[k]) * t) * shade);
}

/** 1 where a detail of `size` is wider than a pixel, falling to 0 where it is far narrower. */
function fade(footprint: number, size: number): number {
  return Math.min(1, Math.max(0, 1.5 - footprint / size));
}

/** A step from 0 to 1 at `edge`, `width` wide. */
function smooth(x: number, edge: number, width: number): number {
  const t = (x - edge) / Math.max(width, 1e-4) + 0.5;
  return t <= 0 ? 0 : t >= 1 ? 1 : t * t * (3 - 2 * t);
}

/** Rings seen along a trunk: noise stretched 12 times along the grain. */
function woodGrain(
  x: number,
  y: number,
  z: number,
  grain: number,
  scale: number,
  seed: number,
  footprint: number,
): number {
  const along = 1 / (12 * scale);
  const across = 1 / scale;
  const gx = x * (grain === 0 ? along : across);
  const gy = y * (grain === 1 ? along : across);
  const gz = z * (grain === 2 ? along : across);
  const figure = fractalNoise(gx, gy, gz, seed, 3, footprint * across);
  const rings = figure * 6;
  const pore = valueNoise(gx * 3, gy * 9, gz * 9, seed + 1) * fade(footprint * across, 0.15);
  return 0.75 * Math.abs(rings - Math.floor(rings) - 0.5) * 2 * fade(footprint * across, 0.6) + 0.25 * pore;
}

/** Art and television share their motifs: `x` and `y` in [-1, 1]. */
function picture(m: Material, x: number, y: number, out: Float64Array): void {
  const motif = m.seed % 4;
  const seed = m.seed;
  let colour: Rgb;
  if (motif === 0) {
    // Landscape: sky, two ridges and a sun.
    const ridge = 0.7 * fractalNoise(x * 1.6 + 9, 0, 0, seed, 4, 0) - 0.35;
    const meadow = 0.5 * fractalNoise(x * 2.3, 3, 0, seed, 3, 0) - 0.7;
    const sunX = hash01(seed, 1, 1, 1) - 0.5;
    if (y < meadow) colour = mix(m.accent, [0.05, 0.12, 0.03], 0.5 + 0.4 * valueNoise(x * 9, y * 9, 0, seed));
    else if (y < ridge) colour = mix(m.accent, m.base, 0.3 + 0.3 * y);
    else if (Math.hypot(x - sunX, y - 0.5) < 0.17) colour = [0.95, 0.8, 0.45];
    else colour = mix(m.base, [0.75, 0.8, 0.9], 0.5 + 0.5 * y);
  } else if (motif === 1) {
    // Rectangles between black bars.
    const cut = 1.4 + 2 * hash01(seed, 2, 2, 2);
    const warpedX = x * cut + 0.5 * Math.sin(x * 3 + seed);
    const warpedY = y * cut + 0.5 * Math.sin(y * 2 + 2 * seed);
    const i = Math.floor(warpedX);
    const j = Math.floor(warpedY);
    const bar = Math.min(warpedX - i, warpedY - j) < 0.07;
    const k = hash01(i, j, 5, seed);
    colour = bar
      ? [0.02, 0.02, 0.02]
      : k < 0.35
        ? [0.85, 0.83, 0.76]
        : k < 0.6
          ? m.base
          : k < 0.85
            ? m.accent
            : [m.base[2], m.base[0], m.accent[1]];
  } else if (motif === 2) {
    // A head and shoulders.
    const head = Math.hypot(x * 1.5, y - 0.2) < 0.42;
    const hair = Math.hypot(x * 1.35, y - 0.32) < 0.45 && y > 0.32 - 0.3 * hash01(seed, 3, 3, 3);
    const body = y < -0.2 && Math.hypot(x * 1.1, (y + 1) * 1.2) < 0.85;
    colour = hair
      ? [0.08, 0.05, 0.03]
      : head
        ? [0.6, 0.38, 0.26]
        : body
          ? m.accent
          : mix(m.base, [0, 0, 0], 0.4 * fractalNoise(x * 2, y * 2, 0, seed, 3, 0));
  } else {
    const a = fractalNoise(x * 1.5, y * 1.5, 0, seed, 3, 0);
    const b = fractalNoise(x * 1.5 + 4 * a, y * 1.5, 5, seed, 3, 0);
    colour = b > 0.55 ? m.accent : a > 0.5 ? m.base : mix(m.base, [0.9, 0.9, 0.85], 0.8);
  }
  out[0] = colour[0];
  out[1] = colour[1];
  out[2] = colour[2];
}

/**
 * Radiance of the world outside a window in a direction: it has no distance, so that it moves with the viewer
 * and two views of the same pane differ.
 * @param d unit direction in the world
 */
export function outdoors(m: Material, d: Float64Array, out: Float64Array): void {
  const azimuth = Math.atan2(d[1], d[0]);
  const elevation = d[2];
  const house = Math.floor(azimuth * 4 + (m.seed % 10));
  const skyline = 0.02 + 0.22 * hash01(house, 0, 4, m.seed) ** 2;
  const trees = -0.22 + 0.42 * fractalNoise(azimuth * 7, 1, 0, m.seed, 4, 0);
  let colour: Rgb;
  if (elevation < trees) {
    const leaf = fractalNoise(azimuth * 30, elevation * 40, 0, m.seed, 3, 0);
    const clump = fractalNoise(azimuth * 8, elevation * 12, 3, m.seed, 2, 0);
    colour = mix(mix([0.02, 0.05, 0.01], m.accent, leaf * leaf), [0.01, 0.02, 0.01], 1.2 * clump - 0.3);
  } else if (elevation < skyline) {
    const floor = Math.floor(elevation * 40);
    const column = Math.floor(azimuth * 40);
    const pane = hash01(column, floor, house, m.seed) < 0.5 && (column & 1) === 0;
    colour = pane
      ? [0.06, 0.07, 0.1]
      : mix([0.4, 0.33, 0.27], [0.22, 0.13, 0.1], hash01(house, 1, 1, m.seed));
  } else if (elevation < -0.06) {
    colour = mix(
      [0.16, 0.16, 0.15],
      [0.1, 0.13, 0.06],
      fractalNoise(azimuth * 5, elevation * 30, 0, m.seed, 3, 0),
    );
  } else {
    const cloud = fractalNoise(azimuth * 3, elevation * 8, 0, m.seed + 2, 4, 0);
    colour = mix(m.base, [1, 1, 1], cloud > 0.5 ? (cloud - 0.5) * 3 : 0);
  }
  out[0] = colour[0] * m.emission;
  out[1] = colour[1] * m.emission;
  out[2] = colour[2] * m.emission;
}
