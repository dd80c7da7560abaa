/** Pixels that a panel of the filters is kept in the L1 cache for. */
const BLOCK: i32 = 64;

/**
 * 1×1 convolution: out[p, o] = min(high, max(low, start[p, o] + Σ_i x[p, i]·filters[i, o])), added up in the order of i
 * whatever the number of pixels.
 *
 * @param x [pixels, inputs]
 * @param filters panels [outputs / 8, inputs, 8]
 * @param start rows of [outputs], `startStride` bytes apart; 0 where they are one and the same. May be `out`
 * @param out [pixels, outputs]; outputs are a multiple of 8
 */
export function pointwise(
  x: usize,
  filters: usize,
  start: usize,
  startStride: usize,
  out: usize,
  pixels: i32,
  inputs: i32,
  outputs: i32,
  low: f32,
  high: f32,
): void {
  const xStride = (<usize>inputs) << 2;
  const outStride = (<usize>outputs) << 2;
  const panelBytes = <usize>inputs * 32;
  for (let from = 0; from < pixels; from += BLOCK) {
    const to = min(from + BLOCK, pixels);
    let panel = filters;
    for (let o: usize = 0; o < outStride; o += 32) {
      for (let p = from; p < to; p += 4) {
        tile(
          x + <usize>p * xStride,
          xStride,
          panel,
          panelBytes,
          start + <usize>p * startStride + o,
          startStride,
          out + <usize>p * outStride + o,
          outStride,
          to - p,
          low,
          high,
        );
      }
      panel += panelBytes;
    }
  }
}

/**
 * A tile of the result, 4 pixels by 8 outputs, in 8 of 16 vector registers; 3 more hold operands. Where fewer than 4
 * pixels are left, the last is computed and stored several times over.
 */
function tile(
  x: usize,
  xStride: usize,
  panel: usize,
  panelBytes: usize,
  start: usize,
  startStride: usize,
  out: usize,
  outStride: usize,
  left: i32,
  low: f32,
  high: f32,
): void {
  const has1 = <usize>(left > 1);
  const has2 = <usize>(left > 2);
  const has3 = <usize>(left > 3);
  let x0 = x;
  let x1 = x0 + has1 * xStride;
  let x2 = x1 + has2 * xStride;
  let x3 = x2 + has3 * xStride;
  const start1 = start + has1 * startStride;
  const start2 = start1 + has2 * startStride;
  const start3 = start2 + has3 * startStride;
  let a0 = v128.load(start),
    a1 = v128.load(start, 16);
  let b0 = v128.load(start1),
    b1 = v128.load(start1, 16);
  let c0 = v128.load(start2),
    c1 = v128.load(start2, 16);
  let d0 = v128.load(start3),
    d1 = v128.load(start3, 16);
  const end = panel + panelBytes;
  for (; panel < end; panel += 32) {
    const f0 = v128.load(panel);
    const f1 = v128.load(panel, 16);
    const s0 = v128.load32_splat(x0);
    a0 = f32x4.add(a0, f32x4.mul(s0, f0));
    a1 = f32x4.add(a1, f32x4.mul(s0, f1));
    const s1 = v128.load32_splat(x1);
    b0 = f32x4.add(b0, f32x4.mul(s1, f0));
    b1 = f32x4.add(b1, f32x4.mul(s1, f1));
    const s2 = v128.load32_splat(x2);
    c0 = f32x4.add(c0, f32x4.mul(s2, f0));
    c1 = f32x4.add(c1, f32x4.mul(s2, f1));
    const s3 = v128.load32_splat(x3);
    d0 = f32x4.add(d0, f32x4.mul(s3, f0));
    d1 = f32x4.add(d1, f32x4.mul(s3, f1));
    x0 += 4;
    x1 += 4;
    x2 += 4;
    x3 += 4;
  }
  const out1 = out + has1 * outStride;
  const out2 = out1 + has2 * outStride;
  const out3 = out2 + has3 * outStride;
  const least = f32x4.splat(low);
  const most = f32x4.splat(high);
  v128.store(out, clamp(a0, least, most));
  v128.store(out, clamp(a1, least, most), 16);
  v128.store(out1, clamp(b0, least, most));
  v128.store(out1, clamp(b1, least, most), 16);
  v128.store(out2, clamp(c0, least, most));
  v128.store(out2, clamp(c1, least, most), 16);
  v128.store(out3, clamp(d0, least, most));
  v128.store(out3, clamp(d1, least, most), 16);
}

/** In this order a NaN comes through. */
function clamp(z: v128, low: v128, high: v128): v128 {
  return f32x4.pmin(f32x4.pmax(z, low), high);
}
