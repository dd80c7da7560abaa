import { exp } from './exp';
import { interpolate, interpolateCell } from './upsample';

/**
 * cell[c] = e^(cell[c] − largest) for c in [0, classes), a vector of four pixels each. Returns their sums over the
 * classes, each at least 1 where `largest` is the largest of its pixel.
 */
export function exponentials(cell: usize, largest: v128, classes: i32): v128 {
  let sum = f32x4.splat(0);
  for (let c: usize = 0, end = (<usize>classes) << 4; c < end; c += 16) {
    const e = exp(f32x4.sub(v128.load(cell + c), largest));
    sum = f32x4.add(sum, e);
    v128.store(cell + c, e);
  }
  return sum;
}

/**
 * sum += softmax(upsample4(logits)), for one image.
 *
 * @param logits [h, w, classes]
 * @param sum [height, ⌈width/4⌉, classes, 4], h = ⌈height/4⌉ and w = ⌈width/4⌉: the four pixels of a cell lie side by
 *   side in one vector, so that no number of classes leaves lanes idle. Where the last cell of a row reaches over the
 *   edge, its last pixels mean nothing
 * @param scratch w·classes + 4·classes numbers
 */
export function addSoftmax(
  logits: usize,
  sum: usize,
  scratch: usize,
  height: i32,
  width: i32,
  classes: i32,
): void {
  const h = (height + 3) >> 2;
  const w = (width + 3) >> 2;
  const pixel = (<usize>classes) << 2;
  const row = pixel * w;
  const cell = scratch + row;
  const vectors = (<usize>classes) << 4;
  for (let y = 0; y < height; y++) {
    const i = y >> 2;
    interpolate(
      logits + row * i,
      logits + row * min(i + 1, h - 1),
      <f32>(y & 3) * 0.25,
      scratch,
      w * classes,
    );
    for (let j = 0; j < w; j++) {
      const largest = interpolateCell(
        scratch + pixel * j,
        scratch + pixel * min(j + 1, w - 1),
        cell,
        classes,
      );
      const scale = f32x4.div(f32x4.splat(1), exponentials(cell, largest, classes));
      for (let c: usize = 0; c < vectors; c += 16) {
        v128.store(sum + c, f32x4.add(v128.load(sum + c), f32x4.mul(v128.load(cell + c), scale)));
      }
      sum += vectors;
    }
  }
}

/** Bits of the halves nearest to numbers in [0, 1], ties to even, one above counting as 1: `toHalves` of the maps. */
function halves(x: v128): v128 {
  const value = f32x4.pmin(x, f32x4.splat(1));
  const odd = v128.and(i32x4.shr_u(value, 13), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(value, i32x4.splat(0xfff)), odd), 13);
  const normal = i32x4.sub(rounded, i32x4.splat(112 << 10));
  // Below the normal halves, steps of 2⁻²⁴.
  const steps = f32x4.nearest(f32x4.mul(value, f32x4.splat(16777216)));
  const isNormal = f32x4.ge(value, f32x4.splat(6.103515625e-5));
  return v128.bitselect(normal, i32x4.trunc_sat_f32x4_s(steps), isNormal);
}

/**
 * The sums of `addSoftmax` times `factor`, as halves.
 *
 * @param sum [height, ⌈width/4⌉, classes, 4]
 * @param out [height, width, classes], 16 bits each
 */
export function meanHalves(sum: usize, out: usize, height: i32, width: i32, classes: i32, factor: f32): void {
  const scale = f32x4.splat(factor);
  const pixel = (<usize>classes) << 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x += 4) {
      const inside = min(4, width - x);
      for (let c: usize = 0; c < pixel; c += 2) {
        const bits = halves(f32x4.mul(v128.load(sum), scale));
        sum += 16;
        const to = out + c;
        store<u16>(to, i32x4.extract_lane(bits, 0));
        if (inside > 1) store<u16>(to + pixel, i32x4.extract_lane(bits, 1));
        if (inside > 2) store<u16>(to + 2 * pixel, i32x4.extract_lane(bits, 2));
        if (inside > 3) store<u16>(to + 3 * pixel, i32x4.extract_lane(bits, 3));
      }
      out += pixel * inside;
    }
  }
}
