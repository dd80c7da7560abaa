import type { Intrinsics, Size } from '../frame.js';
import { labelOf } from './classes.js';
import type { Room } from './room.js';
import { Shader } from './shade.js';

/** A picture of a room with its ground truth. */
export interface View extends Size {
  /** H×W×3, sRGB. */
  readonly colour: Uint8Array;
  /** H×W, z-depth in metres of what the ray through the pixel's centre meets first; 0 = nothing. */
  readonly depth: Float32Array;
  /** H×W class indices at the pixels' centres. */
  readonly labels: Uint8Array;
}

/** Four more rays on a rotated grid where the picture changes sharply. */
const SUBPIXELS = [-0.125, -0.375, 0.375, -0.125, 0.125, 0.375, -0.375, 0.125];
/** Tone-mapped difference to a neighbour that counts as sharp, 255 being white. */
const CONTRAST = 16;
/** Automatic exposure, as cameras have it: the log-average is brought to KEY, by MAX_GAIN at most. */
const KEY = 0.27;
const MAX_GAIN = 6;

/** Renders views of one room; light computed for a view serves all later ones, without changing them. */
export class Renderer {
  private readonly shader: Shader;
  private readonly labels: Uint8Array;
  private readonly ray = new Float64Array(6);
  private readonly radiance = new Float64Array(3);
  /** The solid that the last sample met, or -1. */
  private solid = -1;

  constructor(room: Room) {
    this.shader = new Shader(room);
    this.labels = Uint8Array.from(room.solids, ({ label }) => labelOf(label));
  }

  /** @param pose camera to world, 4×4 row-major, OpenCV axes */
  render(pose: Float64Array, size: Size, intrinsics: Intrinsics): View {
    const { width, height } = size;
    const pixels = width * height;
    const depth = new Float32Array(pixels);
    const labels = new Uint8Array(pixels);
    const solids = new Int32Array(pixels);
    const linear = new Float32Array(3 * pixels);
    let logSum = 0;
    for (let y = 0, p = 0; y < height; y++) {
      for (let x = 0; x < width; x++, p++) {
        const t = this.sample(pose, intrinsics, x, y);
        solids[p] = this.solid;
        if (this.solid >= 0) {
          depth[p] = t;
          labels[p] = this.labels[this.solid];
        }
        linear.set(this.radiance, 3 * p);
        logSum += Math.log(0.002 + luminance(this.radiance));
      }
    }
    const gain = Math.min(MAX_GAIN, KEY / Math.exp(logSum / pixels));
    const tone = toneCurve();
    const colour = new Uint8Array(3 * pixels);
    for (let k = 0; k < colour.length; k++) colour[k] = tone[toneIndex(linear[k] * gain)];
    const sharp = sharpPixels(colour, solids, size);
    for (let p = 0; p < pixels; p++) {
      if (sharp[p] === 0) continue;
      const x = p % width;
      const y = (p - x) / width;
      let red = colour[3 * p];
      let green = colour[3 * p + 1];
      let blue = colour[3 * p + 2];
      for (let k = 0; k < SUBPIXELS.length; k += 2) {
        this.sample(pose, intrinsics, x + SUBPIXELS[k], y + SUBPIXELS[k + 1]);
        red += tone[toneIndex(this.radiance[0] * gain)];
        green += tone[toneIndex(this.radiance[1] * gain)];
        blue += tone[toneIndex(this.radiance[2] * gain)];
      }
      const share = 1 / (1 + SUBPIXELS.length / 2);
      colour[3 * p] = Math.round(red * share);
      colour[3 * p + 1] = Math.round(green * share);
      colour[3 * p + 2] = Math.round(blue * share);
    }
    return { width, height, colour, depth, labels };
  }

  /** Follows one ray, leaves its light in `radiance` and its solid in `solid`, and returns the z-depth. */
  private sample(pose: Float64Array, { fx, fy, cx, cy }: Intrinsics, x: number, y: number): number {
    const { ray, shader } = this;
    const a = (x - cx) / fx;
    const b = (y - cy) / fy;
    const length = Math.sqrt(a * a + b * b + 1);
    for (let k = 0; k < 3; k++) {
      ray[k] = pose[4 * k + 3];
      ray[3 + k] = (pose[4 * k] * a + pose[4 * k + 1] * b + pose[4 * k + 2]) / length;
    }
    shader.bvh.ray.set(ray);
    this.solid = shader.bvh.nearest(Number.POSITIVE_INFINITY);
    if (this.solid < 0) {
      this.radiance.fill(0);
      return 0;
    }
    const t = shader.bvh.hit[0];
    shader.radiance(this.solid, t, ray, length / fx, this.radiance);
    return t / length;
  }
}

function luminance(rgb: Float64Array): number {
  return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
}

const TONE_STEPS = 4096;
const TONE_WHITE = 6;
let tones: Uint8Array | undefined;

/** Linear light to 8-bit sRGB over a shoulder that keeps windows from clipping at once. Indexed by `toneIndex`. */
function toneCurve(): Uint8Array {
  if (tones === undefined) {
    tones = new Uint8Array(TONE_STEPS + 1);
    for (let i = 0; i <= TONE_STEPS; i++) {
      const x = TONE_WHITE * (i / TONE_STEPS) ** 2;
      // Reinhard et al. 2002, Eq. 4: white at TONE_WHITE.
      const y = (x * (1 + x / (TONE_WHITE * TONE_WHITE))) / (1 + x);
      const scaled = Math.min(1, y * 1.3);
      const srgb = scaled <= 0.0031308 ? 12.92 * scaled : 1.055 * scaled ** (1 / 2.4) - 0.055;
      tones[i] = Math.round(255 * srgb);
    }
  }
  return tones;
}

/** Steps are finer in the dark, where sRGB is. */
function toneIndex(x: number): number {
  return Math.min(TONE_STEPS, Math.round(TONE_STEPS * Math.sqrt(Math.max(0, x) / TONE_WHITE)));
}

/** 1 where a pixel differs from its right or lower neighbour in solid or strongly in colour, at both of them. */
function sharpPixels(colour: Uint8Array, solids: Int32Array, { width, height }: Size): Uint8Array {
  const sharp = new Uint8Array(width * height);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      if (x + 1 < width && differ(colour, solids, p, p + 1)) sharp[p] = sharp[p + 1] = 1;
      if (y + 1 < height && differ(colour, solids, p, p + width)) sharp[p] = sharp[p + width] = 1;
    }
  }
  return sharp;
}

function differ(colour: Uint8Array, solids: Int32Array, p: number, q: number): boolean {
  return (
    solids[p] !== solids[q] ||
    Math.abs(colour[3 * p] - colour[3 * q]) > CONTRAST ||
    Math.abs(colour[3 * p + 1] - colour[3 * q + 1]) > CONTRAST ||
    Math.abs(colour[3 * p + 2] - colour[3 * q + 2]) > CONTRAST
  );
}
