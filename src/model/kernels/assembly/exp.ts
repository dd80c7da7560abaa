// Exponential and logarithm of four numbers at once. AssemblyScript's own `Mathf.exp` and `Mathf.log` take one at a
// time and bring tables in a data segment.

/** ln 2 in two parts, the upper of 9 bits, so that n · LN2_UPPER is exact. */
const LN2_UPPER: f32 = 0.693359375;
const LN2_LOWER: f32 = -2.1219444e-4;
/** 1.5 · 2²³: adding it rounds to a whole number and leaves that number in the low bits. */
const ROUNDER: f32 = 12582912;

/**
 * e^x, to 1.2e-7 of its value, for x ≤ 88. Below −87 it stays at e^−87 = 1.6e-38, the end of the normal numbers,
 * which added to 1 is nothing.
 *
 * x = n·ln 2 + r with |r| ≤ ln 2 / 2; then e^x = 2ⁿ·(1 + r + r²·q(r)), where q has degree 4 and was fitted to the
 * least largest relative error, 4e-9.
 */
export function exp(x: v128): v128 {
  const clamped = f32x4.pmax(x, f32x4.splat(-87));
  const rounded = f32x4.add(f32x4.mul(clamped, f32x4.splat(Mathf.LOG2E)), f32x4.splat(ROUNDER));
  const n = f32x4.sub(rounded, f32x4.splat(ROUNDER));
  const upper = f32x4.sub(clamped, f32x4.mul(n, f32x4.splat(LN2_UPPER)));
  const r = f32x4.sub(upper, f32x4.mul(n, f32x4.splat(LN2_LOWER)));
  let q = f32x4.splat(1.3814539e-3);
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(8.3687454e-3));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(4.1668389e-2));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(1.6666521e-1));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(4.9999994e-1));
  const tail = f32x4.add(r, f32x4.mul(f32x4.mul(r, r), q));
  // Adding n to the exponent bits multiplies by 2ⁿ.
  return i32x4.add(f32x4.add(tail, f32x4.splat(1)), i32x4.shl(rounded, 23));
}

/** √½, where the mantissas are cut, as bits. */
const SQRT_HALF: i32 = 0x3f3504f3;

/**
 * ln x, to 2e-7 of its value, for normal x > 0: x = 2ᵏ·m with m in [√½, √2), and ln m = 2·artanh(s) with
 * s = (m − 1)/(m + 1), whose series falls by s² < 0.03 a term.
 */
export function log(x: v128): v128 {
  const k = i32x4.shr_s(i32x4.sub(x, i32x4.splat(SQRT_HALF)), 23);
  const m = i32x4.sub(x, i32x4.shl(k, 23));
  const f = f32x4.sub(m, f32x4.splat(1));
  const s = f32x4.div(f, f32x4.add(f32x4.splat(2), f));
  const s2 = f32x4.mul(s, s);
  let series = f32x4.splat(2.0 / 9.0);
  series = f32x4.add(f32x4.mul(series, s2), f32x4.splat(2.0 / 7.0));
  series = f32x4.add(f32x4.mul(series, s2), f32x4.splat(2.0 / 5.0));
  series = f32x4.add(f32x4.mul(series, s2), f32x4.splat(2.0 / 3.0));
  // 2s = f − s·f, which keeps the bits that f has.
  const rest = f32x4.mul(s, f32x4.sub(f, f32x4.mul(s2, series)));
  const logM = f32x4.sub(f, rest);
  return f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(k), f32x4.splat(Mathf.LN2)), logM);
}
