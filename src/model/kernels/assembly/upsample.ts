// Bilinear upsampling by 4 as `upsample4` defines it: pixel i of the small image lies at pixel 4i of the large one,
// and beyond the last small pixel its value holds. A row of the large image comes from two rows of the small one,
// interpolated vertically; four neighbouring pixels of it, a cell, come from two pixels of that.

/** out[i] = a[i] + (b[i] − a[i])·t for i in [0, n): the vertical half of a large row. */
export function interpolate(a: usize, b: usize, t: f32, out: usize, n: i32): void {
  const bytes = (<usize>n) << 2;
  const vectors = bytes & ~(<usize>15);
  const factor = f32x4.splat(t);
  let i: usize = 0;
  for (; i < vectors; i += 16) {
    const from = v128.load(a + i);
    v128.store(out + i, f32x4.add(from, f32x4.mul(f32x4.sub(v128.load(b + i), from), factor)));
  }
  for (; i < bytes; i += 4) {
    const from = load<f32>(a + i);
    store<f32>(out + i, from + (load<f32>(b + i) - from) * t);
  }
}

/**
 * The four pixels of a cell, class by class: cell[c] = (a + (b − a)·(0, ¼, ½, ¾))[c] for c in [0, classes).
 * Returns the largest of each pixel.
 */
export function interpolateCell(a: usize, b: usize, cell: usize, classes: i32): v128 {
  const across = f32x4(0, 0.25, 0.5, 0.75);
  let largest = f32x4.splat(-f32.MAX_VALUE);
  for (let c: usize = 0, end = (<usize>classes) << 2; c < end; c += 4) {
    const from = v128.load32_splat(a + c);
    const z = f32x4.add(from, f32x4.mul(f32x4.sub(v128.load32_splat(b + c), from), across));
    largest = f32x4.pmax(largest, z);
    v128.store(cell + (c << 2), z);
  }
  return largest;
}

/**
 * The transpose of `interpolateCell`: adds the gradients of a cell's pixels, weighted, to those of the two pixels it
 * came from. `classes` is a multiple of 4 here; a and b may be the same.
 */
export function scatterCell(cell: usize, a: usize, b: usize, classes: i32): void {
  const quarter = f32x4.splat(0.25);
  const half = f32x4.splat(0.5);
  const threeQuarters = f32x4.splat(0.75);
  for (let c: usize = 0, end = (<usize>classes) << 2; c < end; c += 16) {
    const at = cell + (c << 2);
    // From a vector a class to a vector a pixel.
    const c0 = v128.load(at);
    const c1 = v128.load(at, 16);
    const c2 = v128.load(at, 32);
    const c3 = v128.load(at, 48);
    const low01 = v128.shuffle<i32>(c0, c1, 0, 4, 1, 5);
    const low23 = v128.shuffle<i32>(c2, c3, 0, 4, 1, 5);
    const high01 = v128.shuffle<i32>(c0, c1, 2, 6, 3, 7);
    const high23 = v128.shuffle<i32>(c2, c3, 2, 6, 3, 7);
    const p0 = v128.shuffle<i64>(low01, low23, 0, 2);
    const p1 = v128.shuffle<i64>(low01, low23, 1, 3);
    const p2 = v128.shuffle<i64>(high01, high23, 0, 2);
    const p3 = v128.shuffle<i64>(high01, high23, 1, 3);
    const middle = f32x4.mul(half, p2);
    const toA = f32x4.add(
      f32x4.add(p0, f32x4.mul(threeQuarters, p1)),
      f32x4.add(middle, f32x4.mul(quarter, p3)),
    );
    const toB = f32x4.add(f32x4.add(f32x4.mul(quarter, p1), middle), f32x4.mul(threeQuarters, p3));
    v128.store(a + c, f32x4.add(v128.load(a + c), toA));
    v128.store(b + c, f32x4.add(v128.load(b + c), toB));
  }
}

/** a + (b − a)·t */
function mix(a: v128, b: v128, t: f32): v128 {
  return f32x4.add(a, f32x4.mul(f32x4.sub(b, a), f32x4.splat(t)));
}

/**
 * A large image [n, 4h, 4w, channels] from a small one [n, h, w, channels]; channels a multiple of 4. The 16 large
 * pixels between four small ones are made together.
 */
export function upsample(small: usize, large: usize, n: i32, h: i32, w: i32, channels: i32): void {
  const pixel = (<usize>channels) << 2;
  const smallRow = pixel * w;
  const largeRow = smallRow << 2;
  for (let image = 0; image < n; image++) {
    for (let i = 0; i < h; i++) {
      const below: usize = i + 1 < h ? smallRow : 0;
      for (let j = 0; j < w; j++) {
        const right: usize = j + 1 < w ? pixel : 0;
        for (let c: usize = 0; c < pixel; c += 16) {
          const a = v128.load(small + c);
          const b = v128.load(small + right + c);
          const d = v128.load(small + below + c);
          const e = v128.load(small + below + right + c);
          const to = large + c;
          column(a, d, to, largeRow);
          column(mix(a, b, 0.25), mix(d, e, 0.25), to + pixel, largeRow);
          column(mix(a, b, 0.5), mix(d, e, 0.5), to + 2 * pixel, largeRow);
          column(mix(a, b, 0.75), mix(d, e, 0.75), to + 3 * pixel, largeRow);
        }
        small += pixel;
        large += pixel << 2;
      }
      large += 3 * largeRow;
    }
  }
}

/** Four pixels one below the other. */
function column(top: v128, bottom: v128, to: usize, row: usize): void {
  v128.store(to, top);
  v128.store(to + row, mix(top, bottom, 0.25));
  v128.store(to + 2 * row, mix(top, bottom, 0.5));
  v128.store(to + 3 * row, mix(top, bottom, 0.75));
}

/** The transpose of `upsample`: the gradient by the small image from that by the large one. */
export function upsampleGradient(large: usize, small: usize, n: i32, h: i32, w: i32, channels: i32): void {
  const pixel = (<usize>channels) << 2;
  const smallRow = pixel * w;
  const largeRow = smallRow << 2;
  memory.fill(small, 0, smallRow * h * n);
  for (let image = 0; image < n; image++) {
    for (let i = 0; i < h; i++) {
      const below: usize = i + 1 < h ? smallRow : 0;
      for (let j = 0; j < w; j++) {
        const right: usize = j + 1 < w ? pixel : 0;
        for (let c: usize = 0; c < pixel; c += 16) {
          let topLeft = f32x4.splat(0);
          let topRight = topLeft;
          let bottomLeft = topLeft;
          let bottomRight = topLeft;
          let from = large + c;
          for (let down: f32 = 0; down < 1; down += 0.25) {
            const p1 = v128.load(from + pixel);
            const p2 = f32x4.mul(v128.load(from + 2 * pixel), f32x4.splat(0.5));
            const p3 = v128.load(from + 3 * pixel);
            const near = f32x4.add(f32x4.mul(p1, f32x4.splat(0.75)), f32x4.mul(p3, f32x4.splat(0.25)));
            const far = f32x4.add(f32x4.mul(p1, f32x4.splat(0.25)), f32x4.mul(p3, f32x4.splat(0.75)));
            const toLeft = f32x4.add(v128.load(from), f32x4.add(near, p2));
            const toRight = f32x4.add(far, p2);
            const upper = f32x4.splat(1 - down);
            const lower = f32x4.splat(down);
            topLeft = f32x4.add(topLeft, f32x4.mul(toLeft, upper));
            topRight = f32x4.add(topRight, f32x4.mul(toRight, upper));
            bottomLeft = f32x4.add(bottomLeft, f32x4.mul(toLeft, lower));
            bottomRight = f32x4.add(bottomRight, f32x4.mul(toRight, lower));
            from += largeRow;
          }
          // At the edges some of the four are one pixel: each sum is read after the one before is written.
          const to = small + c;
          add(to, topLeft);
          add(to + right, topRight);
          add(to + below, bottomLeft);
          add(to + below + right, bottomRight);
        }
        small += pixel;
        large += pixel << 2;
      }
      large += 3 * largeRow;
    }
  }
}

function add(to: usize, x: v128): void {
  v128.store(to, f32x4.add(v128.load(to), x));
}
