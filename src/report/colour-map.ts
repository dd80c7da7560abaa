import { chromaInGamut, type Oklch, toRgb } from './oklch.js';

/** Colours of a heat map, low to high: 256 RGB triples. */
export const HEAT: Uint8Array = heatColours();

/** As a CSS gradient, left to right. */
export const HEAT_GRADIENT = `linear-gradient(to right,${Array.from({ length: 17 }, (_, i) => css(HEAT, Math.round((i / 16) * 255))).join(',')})`;

/** The CSS colour of a triple. */
export function css(colours: Uint8Array, index: number): string {
  const [r, g, b] = colours.subarray(3 * index, 3 * index + 3);
  return `rgb(${r},${g},${b})`;
}

/**
 * Colours for classes, told apart by hue (turned by the golden angle, so that any number of them stays spread out) and
 * by three lightnesses (so that neighbours in hue differ too).
 * @returns RGB triples
 */
export function classColours(count: number): Uint8Array {
  const colours = new Uint8Array(3 * count);
  for (let i = 0; i < count; i++) {
    const l = [0.66, 0.84, 0.5][i % 3];
    const h = (30 + i * 137.508) % 360;
    colours.set(toRgb({ l, c: chromaInGamut(l, h, 0.15), h }), 3 * i);
  }
  return colours;
}

/**
 * From dark violet over blue and green to light yellow. Lightness rises steadily, so that it reads in grey and to the
 * colour-blind; steps are equal distances in OKLab, so that equal differences of score look equally big.
 */
function heatColours(): Uint8Array {
  const path = Array.from({ length: 1025 }, (_, i): Oklch => {
    const t = i / 1024;
    const l = 0.25 + 0.68 * t;
    const h = 305 - 200 * t;
    return { l, h, c: chromaInGamut(l, h, 0.06 + 0.1 * t) };
  });
  const travelled = [0];
  for (let i = 1; i < path.length; i++) travelled.push(travelled[i - 1] + distance(path[i - 1], path[i]));

  const colours = new Uint8Array(3 * 256);
  for (let step = 0, i = 0; step < 256; step++) {
    const target = (step / 255) * travelled[path.length - 1];
    while (i + 1 < path.length && travelled[i] < target) i++;
    colours.set(toRgb(path[i]), 3 * step);
  }
  return colours;
}

function distance(p: Oklch, q: Oklch): number {
  const turn = ((p.h - q.h) * Math.PI) / 180;
  const chroma = p.c * p.c + q.c * q.c - 2 * p.c * q.c * Math.cos(turn);
  return Math.sqrt((p.l - q.l) ** 2 + Math.max(chroma, 0));
}
