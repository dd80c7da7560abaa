import { packBy4, packBy8, roundUp } from './panels';

// The product Xᵀ·Y over pixels, which the gradient of a convolution's filter is. Blocked as Goto and van de Geijn,
// "Anatomy of high-performance matrix multiplication" (2008): a block of rows of both matrices is packed into panels
// as wide as the tile of the result that the registers hold, so that the inner loop reads forwards from the L1 cache.

/** Rows in a block: a panel of each matrix, 4 and 8 KiB, stays in the L1 cache. */
const BLOCK: i32 = 256;
/** Size of the tile of the result: 8 vector registers of 16; 3 more hold operands. */
const TILE_ROWS: i32 = 4;
const TILE_COLUMNS: i32 = 8;
const TILE_BYTES: usize = 128;

/** Bytes of scratch memory that `addProduct` takes for x [rows, m] and y [rows, n]. */
export function productScratch(m: i32, n: i32): usize {
  const columns = roundUp(m, TILE_ROWS) + roundUp(n, TILE_COLUMNS);
  return TILE_BYTES + <usize>BLOCK * ((<usize>columns) << 2);
}

/**
 * out[i, j] += Σ_p x[p, i]·y[p, j] for x [rows, m], y [rows, n], out [m, n]. The order of the sum depends on `rows`
 * only.
 */
export function addProduct(x: usize, y: usize, out: usize, rows: i32, m: i32, n: i32, scratch: usize): void {
  const xPanels = scratch + TILE_BYTES;
  const yPanels = xPanels + <usize>BLOCK * ((<usize>roundUp(m, TILE_ROWS)) << 2);
  const xRow = (<usize>m) << 2;
  const yRow = (<usize>n) << 2;
  for (let from = 0; from < rows; from += BLOCK) {
    const depth = min(BLOCK, rows - from);
    packBy4(x + <usize>from * xRow, depth, m, xPanels);
    packBy8(y + <usize>from * yRow, depth, n, yPanels);
    let yPanel = yPanels;
    for (let j = 0; j < n; j += TILE_COLUMNS) {
      let xPanel = xPanels;
      for (let i = 0; i < m; i += TILE_ROWS) {
        const target = out + <usize>i * yRow + ((<usize>j) << 2);
        if (i + TILE_ROWS <= m && j + TILE_COLUMNS <= n) addTile(xPanel, yPanel, depth, target, yRow);
        else {
          memory.fill(scratch, 0, TILE_BYTES);
          addTile(xPanel, yPanel, depth, scratch, (<usize>TILE_COLUMNS) << 2);
          addCorner(scratch, target, yRow, min(TILE_ROWS, m - i), min(TILE_COLUMNS, n - j));
        }
        xPanel += <usize>depth * 16;
      }
      yPanel += <usize>depth * 32;
    }
  }
}

/** tile [4, 8] with rows `stride` bytes apart += Σ_p x[p, 0..3]·y[p, 0..7] of two panels. */
function addTile(x: usize, y: usize, depth: i32, tile: usize, stride: usize): void {
  const row1 = tile + stride;
  const row2 = row1 + stride;
  const row3 = row2 + stride;
  let a0 = f32x4.splat(0);
  let a1 = a0,
    b0 = a0,
    b1 = a0,
    c0 = a0,
    c1 = a0,
    d0 = a0,
    d1 = a0;
  const end = x + <usize>depth * 16;
  for (; x < end; x += 16) {
    const y0 = v128.load(y);
    const y1 = v128.load(y, 16);
    const a = v128.load32_splat(x);
    a0 = f32x4.add(a0, f32x4.mul(a, y0));
    a1 = f32x4.add(a1, f32x4.mul(a, y1));
    const b = v128.load32_splat(x, 4);
    b0 = f32x4.add(b0, f32x4.mul(b, y0));
    b1 = f32x4.add(b1, f32x4.mul(b, y1));
    const c = v128.load32_splat(x, 8);
    c0 = f32x4.add(c0, f32x4.mul(c, y0));
    c1 = f32x4.add(c1, f32x4.mul(c, y1));
    const d = v128.load32_splat(x, 12);
    d0 = f32x4.add(d0, f32x4.mul(d, y0));
    d1 = f32x4.add(d1, f32x4.mul(d, y1));
    y += 32;
  }
  v128.store(tile, f32x4.add(v128.load(tile), a0));
  v128.store(tile, f32x4.add(v128.load(tile, 16), a1), 16);
  v128.store(row1, f32x4.add(v128.load(row1), b0));
  v128.store(row1, f32x4.add(v128.load(row1, 16), b1), 16);
  v128.store(row2, f32x4.add(v128.load(row2), c0));
  v128.store(row2, f32x4.add(v128.load(row2, 16), c1), 16);
  v128.store(row3, f32x4.add(v128.load(row3), d0));
  v128.store(row3, f32x4.add(v128.load(row3, 16), d1), 16);
}

/** Adds the first rows and columns of a tile [4, 8] to `target`, whose rows are `stride` bytes apart. */
function addCorner(tile: usize, target: usize, stride: usize, rows: i32, columns: i32): void {
  const bytes = (<usize>columns) << 2;
  for (let i = 0; i < rows; i++) {
    for (let b: usize = 0; b < bytes; b += 4)
      store<f32>(target + b, load<f32>(target + b) + load<f32>(tile + b));
    tile += (<usize>TILE_COLUMNS) << 2;
    target += stride;
  }
}
