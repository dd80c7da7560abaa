import { BadFrameError } from '../errors.js';
import type { Intrinsics, Size } from '../frame.js';

/**
 * From the size of a file to the working size.
 *
 * Let s = source / working, along one axis. The working pixel u covers the source interval [s·u, s·(u+1)),
 * counted from the image's edge. Colour is averaged over that interval. Depth, labels and ids are not numbers
 * to average: they take the source pixel at the interval's middle,
 *
 *     k(u) = floor(s·(u + ½))
 *
 * and the intrinsics are moved to where the depth was really sampled. With b the mean of k(u) − s·u,
 *
 *     f′ = f / s,    c′ = (c − b) / s
 *
 * so that working pixel u looks along the ray of source pixel s·u + b. For a whole ratio that is k(u) exactly;
 * else it is within one source pixel of it, and right on average. (The usual c′ = (c + ½)/s − ½ is off by half
 * a source pixel at every even ratio, 640 to 320 among them: there k(u) = 2u + 1.)
 */
function sampledIndices(source: number, working: number): Uint32Array {
  const indices = new Uint32Array(working);
  for (let u = 0; u < working; u++) indices[u] = Math.floor(((2 * u + 1) * source) / (2 * working));
  return indices;
}

/** Takes the source pixel nearest each working pixel's middle: out[v·w + u] = source[k(v)·W + k(u)]. */
export function sampleNearest<T extends Uint8Array | Uint16Array | Uint32Array | Float32Array>(
  source: T,
  from: Size,
  to: Size,
): T {
  if (from.width === to.width && from.height === to.height) return source;
  const columns = sampledIndices(from.width, to.width);
  const rows = sampledIndices(from.height, to.height);
  const out = new (source.constructor as new (length: number) => T)(to.width * to.height);
  let at = 0;
  for (const row of rows) {
    const start = row * from.width;
    for (let u = 0; u < columns.length; u++) out[at++] = source[start + columns[u]];
  }
  return out;
}

/**
 * Intrinsics of a depth image sampled to the working size by `sampleNearest`.
 * @param at the size that `intrinsics` are for: another than the image's where one was scaled and the other not
 * @param image the size of the depth image's file
 */
export function intrinsicsAtWorkingSize(intrinsics: Intrinsics, at: Size, image: Size, to: Size): Intrinsics {
  const [fx, cx] = sampledAxis(
    ...scaledAxis(intrinsics.fx, intrinsics.cx, at.width, image.width),
    image.width,
    to.width,
  );
  const [fy, cy] = sampledAxis(
    ...scaledAxis(intrinsics.fy, intrinsics.cy, at.height, image.height),
    image.height,
    to.height,
  );
  return { fx, fy, cx, cy };
}

/** Focal length and centre of the same view at another resolution: pixel edges, not pixel centres, map to edges. */
function scaledAxis(f: number, c: number, from: number, to: number): [f: number, c: number] {
  if (from === to) return [f, c];
  return [(f * to) / from, ((c + 0.5) * to) / from - 0.5];
}

function sampledAxis(f: number, c: number, from: number, to: number): [f: number, c: number] {
  if (from === to) return [f, c];
  const ratio = from / to;
  const offset = sampledIndices(from, to).reduce((sum, k, u) => sum + (k - ratio * u), 0) / to;
  return [f / ratio, (c - offset) / ratio];
}

/**
 * Averages colour over the source area that each working pixel covers, edges weighted by coverage.
 * @param rgb H×W×3 at size `from`
 * @returns H×W×3 at size `to`, rounded to nearest
 */
export function averageColour(rgb: Uint8Array, from: Size, to: Size): Uint8Array {
  if (from.width === to.width && from.height === to.height) return rgb;
  const across = coverage(from.width, to.width);
  const down = coverage(from.height, to.height);
  const perPixel = to.width / from.width / (from.height / to.height);
  const sums = new Float64Array(to.width * 3);
  const out = new Uint8Array(to.width * to.height * 3);
  for (let v = 0; v < to.height; v++) {
    sums.fill(0);
    for (let tap = down.starts[v]; tap < down.starts[v + 1]; tap++) {
      addRow(rgb, down.pixels[tap] * from.width, across, down.weights[tap], sums);
    }
    const row = v * sums.length;
    for (let i = 0; i < sums.length; i++) out[row + i] = sums[i] * perPixel + 0.5;
  }
  return out;
}

/** Adds one source row, averaged along itself and weighted, to the sums of a working row. */
function addRow(rgb: Uint8Array, row: number, across: Coverage, weight: number, sums: Float64Array): void {
  const { starts, pixels, weights } = across;
  for (let u = 0; u < starts.length - 1; u++) {
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let tap = starts[u]; tap < starts[u + 1]; tap++) {
      const at = (row + pixels[tap]) * 3;
      const share = weights[tap];
      red += rgb[at] * share;
      green += rgb[at + 1] * share;
      blue += rgb[at + 2] * share;
    }
    sums[u * 3] += red * weight;
    sums[u * 3 + 1] += green * weight;
    sums[u * 3 + 2] += blue * weight;
  }
}

/** Which source pixels each working pixel covers along one axis, and how much of each (0..1]. */
interface Coverage {
  /** The taps of working pixel u are starts[u] to starts[u + 1], exclusive. */
  readonly starts: Uint32Array;
  readonly pixels: Uint32Array;
  readonly weights: Float64Array;
}

function coverage(source: number, working: number): Coverage {
  const starts = new Uint32Array(working + 1);
  const pixels: number[] = [];
  const weights: number[] = [];
  for (let u = 0; u < working; u++) {
    // Both ends in 1/working of a source pixel, so that whole numbers stay whole.
    const begin = u * source;
    const end = begin + source;
    for (let k = Math.floor(begin / working); k * working < end; k++) {
      pixels.push(k);
      weights.push((Math.min(end, (k + 1) * working) - Math.max(begin, k * working)) / working);
    }
    starts[u + 1] = pixels.length;
  }
  return { starts, pixels: Uint32Array.from(pixels), weights: Float64Array.from(weights) };
}

/**
 * Two images of one frame may differ in size, not in shape: stretching one onto the other would put its pixels
 * on the wrong surfaces. 2 % lets ScanNet's 1296×968 colour stand beside its 640×480 depth.
 * @throws BadFrameError where the shapes differ
 */
export function requireSameShape(file: string, size: Size, other: Size, otherName: string): void {
  const ratio = (size.width * other.height) / (size.height * other.width);
  if (Math.abs(ratio - 1) > 0.02) {
    const found = `${size.width}×${size.height}`;
    const against = `${otherName} at ${other.width}×${other.height}`;
    throw new BadFrameError(file, `${found}, expected the same width to height ratio as ${against}`);
  }
}
