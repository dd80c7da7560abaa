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
