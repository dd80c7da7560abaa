// Gradients of a depthwise convolution, one image: x [height, width, channels], filter [size, size, channels],
// dy [outHeight, outWidth, channels]. Output pixel (i, j) meets at tap (k, l) the input pixel
// (i·stride + k·dilation − top, j·stride + l·dilation − left), where there is one.

/** Output pixels of a row that are taken together, so that the input they meet stays in the L1 cache. */
const RUN: i32 = 16;

/** dw [size, size, channels] = Σ over output pixels of dy times the input met. */
export function depthwiseFilterGradient(
  x: usize,
  dy: usize,
  dw: usize,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  size: i32,
  stride: i32,
  dilation: i32,
  top: i32,
  left: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const reach = (size - 1) * dilation;
  memory.fill(dw, 0, <usize>(size * size) * pixel);
  // Output columns whose taps all meet the image.
  const innerFrom = size === 3 ? firstColumn(0, stride, left) : outWidth;
  const innerTo = max(innerFrom, columnsBelow(reach, width, outWidth, stride, left));
  for (let i = 0; i < outHeight; i++) {
    const row = i * stride - top;
    const dyRow = dy + <usize>(i * outWidth) * pixel;
    const isInner = row >= 0 && row + reach < height && innerFrom < innerTo;
    if (isInner) {
      const corner = x + <usize>(row * width) * pixel;
      for (let from = innerFrom; from < innerTo; from += RUN) {
        const columns = min(RUN, innerTo - from);
        const met = corner + <usize>(from * stride - left) * pixel;
        addNineTaps(met, dyRow + <usize>from * pixel, dw, columns, channels, width, stride, dilation);
      }
    }
    for (let k = 0; k < size; k++) {
      const y = row + k * dilation;
      if (y < 0 || y >= height) continue;
      const xRow = x + <usize>(y * width) * pixel;
      for (let l = 0; l < size; l++) {
        const offset = l * dilation;
        const tap = dw + <usize>(k * size + l) * pixel;
        const from = firstColumn(offset, stride, left);
        const to = columnsBelow(offset, width, outWidth, stride, left);
        addTap(xRow, dyRow, tap, from, isInner ? min(to, innerFrom) : to, channels, stride, offset - left);
        if (isInner) addTap(xRow, dyRow, tap, max(from, innerTo), to, channels, stride, offset - left);
      }
    }
  }
}

/** First output column whose tap, `offset` columns right of its first one, is not left of the image. */
function firstColumn(offset: i32, stride: i32, left: i32): i32 {
  return max(0, (left - offset + stride - 1) / stride);
}

/** Number of output columns whose tap is not right of the image, `outWidth` at most. */
function columnsBelow(offset: i32, width: i32, outWidth: i32, stride: i32, left: i32): i32 {
  const last = width - 1 - offset + left;
  return last < 0 ? 0 : min(outWidth, last / stride + 1);
}

/** Adds what output columns [from, to) of a row bring to one tap, which is `shift` columns right of the first. */
function addTap(
  xRow: usize,
  dyRow: usize,
  tap: usize,
  from: i32,
  to: i32,
  channels: i32,
  stride: i32,
  shift: i32,
): void {
  if (from >= to) return;
  const pixel = (<usize>channels) << 2;
  const vectors = pixel & ~(<usize>15);
  const xStep = pixel * stride;
  const xStart = xRow + <usize>(from * stride + shift) * pixel;
  const dyStart = dyRow + <usize>from * pixel;
  const dyEnd = dyRow + <usize>to * pixel;
  let c: usize = 0;
  for (; c < vectors; c += 16) {
    let sum = v128.load(tap + c);
    let p = xStart + c;
    for (let g = dyStart + c; g < dyEnd; g += pixel) {
      sum = f32x4.add(sum, f32x4.mul(v128.load(p), v128.load(g)));
      p += xStep;
    }
    v128.store(tap + c, sum);
  }
  for (; c < pixel; c += 4) {
    let sum = load<f32>(tap + c);
    let p = xStart + c;
    for (let g = dyStart + c; g < dyEnd; g += pixel) {
      sum += load<f32>(p) * load<f32>(g);
      p += xStep;
    }
    store<f32>(tap + c, sum);
  }
}

/** Adds what a run of output pixels brings to the nine taps of a 3×3 filter; `x` is what the first meets at tap (0, 0). */
function addNineTaps(
  x: usize,
  dy: usize,
  dw: usize,
  columns: i32,
  channels: i32,
  width: i32,
  stride: i32,
  dilation: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const vectors = pixel & ~(<usize>15);
  const xStep = pixel * stride;
  const right = pixel * dilation;
  const down = right * width;
  const dyEnd = dy + <usize>columns * pixel;
  let c: usize = 0;
  for (; c < vectors; c += 16) {
    let a0 = f32x4.splat(0);
    let a1 = a0,
      a2 = a0,
      b0 = a0,
      b1 = a0,
      b2 = a0,
      c0 = a0,
      c1 = a0,
      c2 = a0;
    let p = x + c;
    for (let g = dy + c; g < dyEnd; g += pixel) {
      const slope = v128.load(g);
      const q = p + right;
      const r = q + right;
      a0 = f32x4.add(a0, f32x4.mul(slope, v128.load(p)));
      a1 = f32x4.add(a1, f32x4.mul(slope, v128.load(q)));
      a2 = f32x4.add(a2, f32x4.mul(slope, v128.load(r)));
      b0 = f32x4.add(b0, f32x4.mul(slope, v128.load(p + down)));
      b1 = f32x4.add(b1, f32x4.mul(slope, v128.load(q + down)));
      b2 = f32x4.add(b2, f32x4.mul(slope, v128.load(r + down)));
      c0 = f32x4.add(c0, f32x4.mul(slope, v128.load(p + 2 * down)));
      c1 = f32x4.add(c1, f32x4.mul(slope, v128.load(q + 2 * down)));
      c2 = f32x4.add(c2, f32x4.mul(slope, v128.load(r + 2 * down)));
      p += xStep;
    }
    let tap = dw + c;
    tap = addTo(tap, a0, pixel);
    tap = addTo(tap, a1, pixel);
    tap = addTo(tap, a2, pixel);
    tap = addTo(tap, b0, pixel);
    tap = addTo(tap, b1, pixel);
    tap = addTo(tap, b2, pixel);
    tap = addTo(tap, c0, pixel);
    tap = addTo(tap, c1, pixel);
    addTo(tap, c2, pixel);
  }
  for (; c < pixel; c += 4) {
    let tap = dw + c;
    for (let k = 0; k < 3; k++) {
      for (let l = 0; l < 3; l++) {
        let sum = load<f32>(tap);
        let p = x + c + <usize>k * down + <usize>l * right;
        for (let g = dy + c; g < dyEnd; g += pixel) {
          sum += load<f32>(p) * load<f32>(g);
          p += xStep;
        }
        store<f32>(tap, sum);
        tap += pixel;
      }
    }
  }
}

/** Adds to four channels of a tap and gives the address of the next. */
function addTo(tap: usize, term: v128, pixel: usize): usize {
  v128.store(tap, f32x4.add(v128.load(tap), term));
  return tap + pixel;
}

/** dx [height, width, channels]: each input pixel gathers filter times dy from the output pixels that meet it. */
export function depthwiseInputGradient(
  dy: usize,
  filter: usize,
  dx: usize,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  size: i32,
  stride: i32,
  dilation: i32,
  top: i32,
  left: i32,
): void {
  const pixel = (<usize>channels) << 2;
  memory.fill(dx, 0, <usize>(height * width) * pixel);
  for (let y = 0; y < height; y++) {
    for (let k = 0; k < size; k++) {
      const i = metBy(y + top - k * dilation, stride, outHeight);
      if (i < 0) continue;
      const dyRow = dy + <usize>(i * outWidth) * pixel;
      let target = dx + <usize>(y * width) * pixel;
      for (let x = 0; x < width; x++) {
        for (let l = 0; l < size; l++) {
          const j = metBy(x + left - l * dilation, stride, outWidth);
          if (j < 0) continue;
          addScaled(dyRow + <usize>j * pixel, filter + <usize>(k * size + l) * pixel, target, pixel);
        }
        target += pixel;
      }
    }
  }
}

/** The output coordinate whose stride brings it to `distance`, or −1 if there is none. */
function metBy(distance: i32, stride: i32, length: i32): i32 {
  if (distance < 0 || distance % stride !== 0) return -1;
  const at = distance / stride;
  return at < length ? at : -1;
}

/** sum[c] += a[c]·b[c] over one pixel of `bytes` bytes. */
function addScaled(a: usize, b: usize, sum: usize, bytes: usize): void {
  const vectors = bytes & ~(<usize>15);
  let c: usize = 0;
  for (; c < vectors; c += 16) {
    v128.store(sum + c, f32x4.add(v128.load(sum + c), f32x4.mul(v128.load(a + c), v128.load(b + c))));
  }
  for (; c < bytes; c += 4) store<f32>(sum + c, load<f32>(sum + c) + load<f32>(a + c) * load<f32>(b + c));
}
