// Batch norm over the pixels of one image, x [pixels, channels]. Sums run over blocks of rows, short enough that they
// stay in the L1 cache while their columns are walked, and that little is lost in adding many numbers to one.

const BLOCK_BYTES: i32 = 12288;

/**
 * sums [3, channels]: a shift k, Σ (x − k) and Σ (x − k)². The shift is the first pixel's value, near enough to the
 * mean that mean and variance are got from the sums without cancellation.
 */
export function batchNormSums(x: usize, pixels: i32, channels: i32, sums: usize): void {
  const row = (<usize>channels) << 2;
  const linear = sums + row;
  const squares = linear + row;
  memory.copy(sums, x, row);
  memory.fill(linear, 0, row << 1);
  const block = blockRows(channels);
  for (let from = 0; from < pixels; from += block) {
    const rows = min(block, pixels - from);
    const start = x + <usize>from * row;
    const end = start + <usize>rows * row;
    let c: usize = 0;
    for (; c + 32 <= row; c += 32) {
      const k0 = v128.load(sums + c);
      const k1 = v128.load(sums + c, 16);
      let s0 = f32x4.splat(0);
      let s1 = s0,
        q0 = s0,
        q1 = s0;
      for (let p = start; p < end; p += row) {
        const d0 = f32x4.sub(v128.load(p + c), k0);
        const d1 = f32x4.sub(v128.load(p + c, 16), k1);
        s0 = f32x4.add(s0, d0);
        s1 = f32x4.add(s1, d1);
        q0 = f32x4.add(q0, f32x4.mul(d0, d0));
        q1 = f32x4.add(q1, f32x4.mul(d1, d1));
      }
      addTo(linear + c, s0);
      addTo(linear + c + 16, s1);
      addTo(squares + c, q0);
      addTo(squares + c + 16, q1);
    }
    for (; c + 16 <= row; c += 16) {
      const k = v128.load(sums + c);
      let s = f32x4.splat(0);
      let q = s;
      for (let p = start; p < end; p += row) {
        const d = f32x4.sub(v128.load(p + c), k);
        s = f32x4.add(s, d);
        q = f32x4.add(q, f32x4.mul(d, d));
      }
      addTo(linear + c, s);
      addTo(squares + c, q);
    }
    for (; c < row; c += 4) {
      const k = load<f32>(sums + c);
      let s: f32 = 0;
      let q: f32 = 0;
      for (let p = start; p < end; p += row) {
        const d = load<f32>(p + c) - k;
        s += d;
        q += d * d;
      }
      store<f32>(linear + c, load<f32>(linear + c) + s);
      store<f32>(squares + c, load<f32>(squares + c) + q);
    }
  }
}

/** y = min(high, max(low, x·factor + constant)); factor and constant [channels]. */
export function affineClamp(
  x: usize,
  factor: usize,
  constant: usize,
  y: usize,
  pixels: i32,
  channels: i32,
  low: f32,
  high: f32,
): void {
  const row = (<usize>channels) << 2;
  const vectors = row & ~(<usize>15);
  const least = f32x4.splat(low);
  const most = f32x4.splat(high);
  const end = x + <usize>pixels * row;
  for (; x < end; x += row) {
    let c: usize = 0;
    for (; c < vectors; c += 16) {
      const z = f32x4.add(f32x4.mul(v128.load(x + c), v128.load(factor + c)), v128.load(constant + c));
      // In this order a NaN comes through.
      v128.store(y + c, f32x4.pmin(f32x4.pmax(z, least), most));
    }
    for (; c < row; c += 4) {
      const z = load<f32>(x + c) * load<f32>(factor + c) + load<f32>(constant + c);
      store<f32>(y + c, min(high, max(low, z)));
    }
    y += row;
  }
}

/**
 * sums [2, channels]: Σ dz and Σ dz·(x − mean), where dz is the gradient dy where low < x·factor + constant < high,
 * else 0. Computing the activation's input again is cheaper than reading its output.
 */
export function batchNormGradientSums(
  x: usize,
  dy: usize,
  factor: usize,
  constant: usize,
  mean: usize,
  pixels: i32,
  channels: i32,
  low: f32,
  high: f32,
  sums: usize,
): void {
  const row = (<usize>channels) << 2;
  const products = sums + row;
  memory.fill(sums, 0, row << 1);
  const least = f32x4.splat(low);
  const most = f32x4.splat(high);
  const block = blockRows(channels << 1);
  for (let from = 0; from < pixels; from += block) {
    const rows = min(block, pixels - from);
    const start = x + <usize>from * row;
    const end = start + <usize>rows * row;
    const first = dy + <usize>from * row;
    let c: usize = 0;
    for (; c + 16 <= row; c += 16) {
      const a = v128.load(factor + c);
      const b = v128.load(constant + c);
      const m = v128.load(mean + c);
      let s = f32x4.splat(0);
      let q = s;
      let g = first + c;
      for (let p = start + c; p < end; p += row) {
        const value = v128.load(p);
        const dz = v128.and(v128.load(g), isBetween(f32x4.add(f32x4.mul(value, a), b), least, most));
        s = f32x4.add(s, dz);
        q = f32x4.add(q, f32x4.mul(dz, f32x4.sub(value, m)));
        g += row;
      }
      addTo(sums + c, s);
      addTo(products + c, q);
    }
    for (; c < row; c += 4) {
      const a = load<f32>(factor + c);
      const b = load<f32>(constant + c);
      const m = load<f32>(mean + c);
      let s: f32 = 0;
      let q: f32 = 0;
      let g = first + c;
      for (let p = start + c; p < end; p += row) {
        const value = load<f32>(p);
        const z = value * a + b;
        const dz: f32 = z > low && z < high ? load<f32>(g) : 0;
        s += dz;
        q += dz * (value - m);
        g += row;
      }
      store<f32>(sums + c, load<f32>(sums + c) + s);
      store<f32>(products + c, load<f32>(products + c) + q);
    }
  }
}

/** dx = factor·dz + slope·(x − mean) + shift, dz as above; slope and shift [channels]. */
export function batchNormGradient(
  x: usize,
  dy: usize,
  factor: usize,
  constant: usize,
  mean: usize,
  slope: usize,
  shift: usize,
  dx: usize,
  pixels: i32,
  channels: i32,
  low: f32,
  high: f32,
): void {
  const row = (<usize>channels) << 2;
  const vectors = row & ~(<usize>15);
  const least = f32x4.splat(low);
  const most = f32x4.splat(high);
  const end = x + <usize>pixels * row;
  for (; x < end; x += row) {
    let c: usize = 0;
    for (; c < vectors; c += 16) {
      const value = v128.load(x + c);
      const a = v128.load(factor + c);
      const z = f32x4.add(f32x4.mul(value, a), v128.load(constant + c));
      const dz = v128.and(v128.load(dy + c), isBetween(z, least, most));
      const centred = f32x4.sub(value, v128.load(mean + c));
      const correction = f32x4.add(f32x4.mul(v128.load(slope + c), centred), v128.load(shift + c));
      v128.store(dx + c, f32x4.add(f32x4.mul(a, dz), correction));
    }
    for (; c < row; c += 4) {
      const value = load<f32>(x + c);
      const a = load<f32>(factor + c);
      const z = value * a + load<f32>(constant + c);
      const dz: f32 = z > low && z < high ? load<f32>(dy + c) : 0;
      const correction = load<f32>(slope + c) * (value - load<f32>(mean + c)) + load<f32>(shift + c);
      store<f32>(dx + c, a * dz + correction);
    }
    dy += row;
    dx += row;
  }
}

function isBetween(z: v128, low: v128, high: v128): v128 {
  return v128.and(f32x4.gt(z, low), f32x4.lt(z, high));
}

function addTo(sum: usize, term: v128): void {
  v128.store(sum, f32x4.add(v128.load(sum), term));
}

function blockRows(channels: i32): i32 {
  return max(8, BLOCK_BYTES / (channels << 2));
}
