// Averages an RGB image over the area that each pixel of another size covers, first down its columns and then along its
// rows. All sums are whole numbers, so nothing is rounded but the result. Arguments are byte addresses in the module's own
// memory, which the caller lays out; nothing here allocates.

/**
 * sums[i] = Σ_r weights[r] × image[r × rowBytes + i] for i in [0, rowBytes) and r in [0, rows): weights u16, sums u32.
 * Works on 16 bytes at a time: reads up to 15 beyond the last row, writes up to 15 sums beyond the last.
 */
export function sumRows(image: usize, rowBytes: usize, rows: i32, weights: usize, sums: usize): void {
  for (let i: usize = 0; i < rowBytes; i += 16) {
    let a = i32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    let from = image + i;
    for (let r = 0; r < rows; r++, from += rowBytes) {
      const weight = v128.load16_splat(weights + ((<usize>r) << 1));
      const bytes = v128.load(from);
      const low = i16x8.extend_low_i8x16_u(bytes);
      const high = i16x8.extend_high_i8x16_u(bytes);
      a = i32x4.add(a, i32x4.extmul_low_i16x8_u(low, weight));
      b = i32x4.add(b, i32x4.extmul_high_i16x8_u(low, weight));
      c = i32x4.add(c, i32x4.extmul_low_i16x8_u(high, weight));
      d = i32x4.add(d, i32x4.extmul_high_i16x8_u(high, weight));
    }
    const to = sums + (i << 2);
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
}

/**
 * One row of the result, width × 3 bytes rounded to nearest: pixel u is the weighted mean of so many pixels of `sums` from
 * its first. `columns` holds both numbers (u32) of every pixel, `weights` (u32) those of all pixels in a row. Reads one sum
 * beyond the last.
 * @param area what the weights of a pixel along both axes come to
 */
export function meanAlong(
  sums: usize,
  columns: usize,
  weights: usize,
  width: i32,
  area: f64,
  out: usize,
): void {
  const areas = f64x2.splat(area);
  for (let u = 0; u < width; u++, columns += 8, out += 3) {
    let from = sums + 12 * <usize>load<u32>(columns);
    const end = weights + ((<usize>load<u32>(columns, 4)) << 2);
    let redGreen = i64x2.splat(0);
    let blue = redGreen;
    for (; weights < end; weights += 4, from += 12) {
      const weight = v128.load32_splat(weights);
      const pixel = v128.load(from);
      redGreen = i64x2.add(redGreen, i64x2.extmul_low_i32x4_u(pixel, weight));
      blue = i64x2.add(blue, i64x2.extmul_high_i32x4_u(pixel, weight));
    }
    const means = ratios(redGreen, areas);
    store<u8>(out, <u8>i32x4.extract_lane(means, 0));
    store<u8>(out, <u8>i32x4.extract_lane(means, 1), 1);
    store<u8>(out, <u8>i32x4.extract_lane(ratios(blue, areas), 0), 2);
  }
}

/** Two whole numbers below 2⁵² (u64) over one each (f64), rounded to nearest, halves up (i32, in the first two lanes). */
function ratios(sums: v128, by: v128): v128 {
  // The bits of the double 2⁵² + n are those of 2⁵² and those of n.
  const bits = f64x2.splat(4503599627370496);
  const exact = f64x2.sub(v128.or(sums, bits), bits);
  return i32x4.trunc_sat_f64x2_s_zero(f64x2.add(f64x2.div(exact, by), f64x2.splat(0.5)));
}
