import { gaussian, type Random } from '../random.js';
import type { View } from './render.js';

/** Range of a structured-light camera, in metres. */
const NEAREST = 0.4;
const FARTHEST = 8;
/** A step to a neighbour of more than this share of the depth is an edge. */
const EDGE = 0.04;

/**
 * A view as a consumer RGB-D camera delivers it; the labels stay exact.
 * Colour: noise with a constant and a brightness-dependent part (read-out and photon noise).
 * Depth: noise of standard deviation 0.0012 + 0.0019 (z - 0.4)² metres (Nguyen, Izadi and Lovell 2012, Eq. 3);
 * holes out of range, often beside depth edges, where the projector's light is hidden from the camera, and ever
 * more likely on surfaces seen at a glancing angle.
 */
export function sense(view: View, next: Random): View {
  const { width, height } = view;
  const colour = new Uint8Array(view.colour.length);
  for (let k = 0; k < colour.length; k++) {
    const value = view.colour[k];
    const deviation = Math.sqrt(2.5 + 0.05 * value);
    colour[k] = Math.max(0, Math.min(255, Math.round(value + deviation * gaussian(next))));
  }
  const depth = new Float32Array(view.depth.length);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      // Both numbers are drawn for every pixel, so that one pixel's fate leaves the others' noise alone.
      const chance = next();
      const noise = gaussian(next);
      const z = view.depth[p];
      if (z < NEAREST || z > FARTHEST) continue;
      const left = view.depth[x > 0 ? p - 1 : p];
      const right = view.depth[x + 1 < width ? p + 1 : p];
      const above = view.depth[y > 0 ? p - width : p];
      const below = view.depth[y + 1 < height ? p + width : p];
      const step =
        Math.max(Math.abs(left - z), Math.abs(right - z), Math.abs(above - z), Math.abs(below - z)) / z;
      // A plane seen head-on has no step; one seen at a glancing angle steps by up to EDGE a pixel.
      if (chance < (step > EDGE ? 0.75 : 0.5 * (step / EDGE) ** 2)) continue;
      depth[p] = z + noise * (0.0012 + 0.0019 * (z - 0.4) ** 2);
    }
  }
  return { ...view, colour, depth };
}
