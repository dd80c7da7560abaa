import { log } from './exp';
import { exponentials } from './softmax';
import { interpolate, interpolateCell, scatterCell } from './upsample';

/** to[i] += from[i]·t for i in [0, n). */
function addScaled(from: usize, t: f32, to: usize, n: i32): void {
  const bytes = (<usize>n) << 2;
  const vectors = bytes & ~(<usize>15);
  const factor = f32x4.splat(t);
  let i: usize = 0;
  for (; i < vectors; i += 16) {
    v128.store(to + i, f32x4.add(v128.load(to + i), f32x4.mul(v128.load(from + i), factor)));
  }
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(to + i) + load<f32>(from + i) * t);
}

/**
 * Cross-entropy of one image at full resolution, and its gradient by the small logits: one pass over the pixels, in
 * which a row at a time is interpolated, its softmax taken and its gradient gathered back.
 *
 * Writes sums[0] = Σ weight·(−ln p_label) and sums[1] = Σ weight over the pixels whose label is below `classes`, f64;
 * and gradient = ∂ sums[0] / ∂ logits. −ln p is taken as ln Σ e^z − z, which no logit makes infinite.
 *
 * @param logits [h, w, classes], h = ⌈height/4⌉ and w = ⌈width/4⌉
 * @param labels [height, width], int32, none negative
 * @param weights [classes]
 * @param gradient [h, w, classes]
 * @param sums two f64
 * @param scratch w·classes + w·padded + 4·padded + 8 numbers, padded being `classes` rounded up to a multiple of 4
 */
export function crossEntropy(
  logits: usize,
  labels: usize,
  weights: usize,
  gradient: usize,
  sums: usize,
  scratch: usize,
  height: i32,
  width: i32,
  classes: i32,
): void {
  const h = (height + 3) >> 2;
  const w = (width + 3) >> 2;
  const padded = (classes + 3) & ~3;
  const pixel = (<usize>classes) << 2;
  const row = pixel * w;
  const paddedPixel = (<usize>padded) << 2;
  const rowGradient = scratch + row;
  const cell = rowGradient + paddedPixel * w;
  const lanes = cell + (paddedPixel << 2);

  memory.fill(gradient, 0, row * h);
  // The classes that fill up the last vector of four have no gradient.
  memory.fill(cell, 0, paddedPixel << 2);
  let loss = f64x2.splat(0);
  let weight = f64x2.splat(0);
  for (let y = 0; y < height; y++) {
    const i = y >> 2;
    const below = min(i + 1, h - 1);
    const down = <f32>(y & 3) * 0.25;
    interpolate(logits + row * i, logits + row * below, down, scratch, w * classes);
    memory.fill(rowGradient, 0, paddedPixel * w);
    for (let j = 0; j < w; j++) {
      // Of each pixel its label's weight, 0 where it does not count.
      let counted = false;
      for (let lane = 0; lane < 4; lane++) {
        const x = (j << 2) + lane;
        let value: f32 = 0;
        if (x < width) {
          const label = load<u32>(labels + ((<usize>x) << 2));
          if (label < <u32>classes) value = load<f32>(weights + ((<usize>label) << 2));
        }
        store<f32>(lanes + ((<usize>lane) << 2), value);
        if (value !== 0) counted = true;
      }
      if (!counted) continue;
      const weightOf = v128.load(lanes);

      const next = min(j + 1, w - 1);
      const largest = interpolateCell(scratch + pixel * j, scratch + pixel * next, cell, classes);
      // Of each pixel its label's logit.
      for (let lane = 0; lane < 4; lane++) {
        const at = (<usize>lane) << 2;
        let value: f32 = 0;
        if (load<f32>(lanes + at) !== 0) {
          const label = load<u32>(labels + ((<usize>j) << 4) + at);
          value = load<f32>(cell + ((<usize>label) << 4) + at);
        }
        store<f32>(lanes + 16 + at, value);
      }
      const sum = exponentials(cell, largest, classes);
      const minusLogP = f32x4.add(log(sum), f32x4.sub(largest, v128.load(lanes + 16)));
      const losses = f32x4.mul(weightOf, minusLogP);
      loss = f64x2.add(loss, addHalves(losses));
      weight = f64x2.add(weight, addHalves(weightOf));

      const scale = f32x4.div(weightOf, sum);
      for (let c: usize = 0, end = (<usize>classes) << 4; c < end; c += 16) {
        v128.store(cell + c, f32x4.mul(v128.load(cell + c), scale));
      }
      for (let lane = 0; lane < 4; lane++) {
        const at = (<usize>lane) << 2;
        const value = load<f32>(lanes + at);
        if (value !== 0) {
          const label = load<u32>(labels + ((<usize>j) << 4) + at);
          const p = cell + ((<usize>label) << 4) + at;
          store<f32>(p, load<f32>(p) - value);
        }
      }
      scatterCell(cell, rowGradient + paddedPixel * j, rowGradient + paddedPixel * next, padded);
    }
    labels += (<usize>width) << 2;
    for (let j = 0; j < w; j++) {
      const from = rowGradient + paddedPixel * j;
      addScaled(from, 1 - down, gradient + row * i + pixel * j, classes);
      if (down !== 0) addScaled(from, down, gradient + row * below + pixel * j, classes);
    }
  }
  store<f64>(sums, f64x2.extract_lane(loss, 0) + f64x2.extract_lane(loss, 1));
  store<f64>(sums + 8, f64x2.extract_lane(weight, 0) + f64x2.extract_lane(weight, 1));
}

/** The upper two of four numbers added to the lower two, in f64. */
function addHalves(x: v128): v128 {
  const upper = v128.shuffle<i32>(x, x, 2, 3, 2, 3);
  return f64x2.add(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(upper));
}
