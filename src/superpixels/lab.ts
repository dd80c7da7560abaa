import type { Size } from '../frame.js';

/** Steps a Lab unit is divided into in `smoothLab`'s output. */
export const LAB_SCALE = 256;

/** sRGB byte → linear light, 0 to 1. */
const LINEAR = Float64Array.from({ length: 256 }, (_, byte) => {
  const c = byte / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
});

/** CIE's cube root with its linear foot, tabulated over 0 to 1: exact to 0.3 of a Lab unit, even next to black. */
const STEPS = 16384;
const ROOT = Float64Array.from({ length: STEPS + 1 }, (_, step) => {
  const t = step / STEPS;
  return t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116;
});

/** sRGB primaries → XYZ over the D65 white, times the table's length. */
const X = [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047].map((m) => m * STEPS);
const Y = [0.2126729, 0.7151522, 0.072175].map((m) => m * STEPS);
const Z = [0.0193339 / 1.08883, 0.119192 / 1.08883, 0.9503041 / 1.08883].map((m) => m * STEPS);

/**
 * CIE Lab under a 3×3 binomial filter (1 2 1), which takes off sensor noise and JPEG ringing and leaves edges where
 * they are. L is halved: indoors, lightness changes within a surface (shading, highlights) more than hue does.
 *
 * Integers throughout, so that sums over superpixels are exact and the last digit of a machine's cube root, which
 * the language leaves open, makes no difference.
 *
 * @param colour H×W×3, RGB; not written
 * @returns H×W×3: L/2, a, b in steps of 1 / `LAB_SCALE`
 */
export function smoothLab(colour: Uint8Array, size: Size): Int16Array {
  const { width, height } = size;
  const sharp = toLab(colour);
  const rows = new Int16Array(sharp.length); // filtered along x: 4 times the scale
  const smooth = new Int16Array(sharp.length); // and along y: 16 times
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const here = (y * width + x) * 3;
      const left = x > 0 ? here - 3 : here;
      const right = x + 1 < width ? here + 3 : here;
      for (let c = 0; c < 3; c++)
        rows[here + c] = sharp[left + c]! + 2 * sharp[here + c]! + sharp[right + c]!;
    }
  }
  const stride = width * 3;
  for (let y = 0; y < height; y++) {
    const up = y > 0 ? -stride : 0;
    const down = y + 1 < height ? stride : 0;
    for (let i = y * stride; i < (y + 1) * stride; i++)
      smooth[i] = rows[i + up]! + 2 * rows[i]! + rows[i + down]!;
  }
  return smooth;
}

/** L/2, a, b in sixteenths; the filter's weights sum to 16, which makes up `LAB_SCALE`. */
function toLab(colour: Uint8Array): Int16Array {
  const lab = new Int16Array(colour.length);
  const [xr, xg, xb] = X as [number, number, number];
  const [yr, yg, yb] = Y as [number, number, number];
  const [zr, zg, zb] = Z as [number, number, number];
  for (let i = 0; i < lab.length; i += 3) {
    const r = LINEAR[colour[i]!]!;
    const g = LINEAR[colour[i + 1]!]!;
    const b = LINEAR[colour[i + 2]!]!;
    // The rows of the matrix sum to the white point only to 7 digits, so the index needs its half step of rounding.
    const fx = ROOT[(xr * r + xg * g + xb * b + 0.5) | 0]!;
    const fy = ROOT[(yr * r + yg * g + yb * b + 0.5) | 0]!;
    const fz = ROOT[(zr * r + zg * g + zb * b + 0.5) | 0]!;
    lab[i] = Math.round((116 * fy - 16) * 8);
    lab[i + 1] = Math.round(500 * (fx - fy) * 16);
    lab[i + 2] = Math.round(200 * (fy - fz) * 16);
  }
  return lab;
}
