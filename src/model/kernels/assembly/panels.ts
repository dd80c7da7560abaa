// Packing of matrices into panels, a few columns wide and all rows high, which a product then reads forwards.

/** Panel k is columns 4k to 4k + 3 of x [rows, columns], as [rows, 4]; zeros past the last column. */
export function packBy4(x: usize, rows: i32, columns: i32, panels: usize): void {
  const stride = (<usize>columns) << 2;
  const whole = columns & ~3;
  let to = panels;
  for (let c = 0; c < whole; c += 4) {
    let from = x + ((<usize>c) << 2);
    for (let i = 0; i < rows; i++) {
      v128.store(to, v128.load(from));
      from += stride;
      to += 16;
    }
  }
  if (whole < columns) packRest(x + ((<usize>whole) << 2), rows, columns - whole, 4, stride, to);
}

/** The same with panels [rows, 8]. */
export function packBy8(x: usize, rows: i32, columns: i32, panels: usize): void {
  const stride = (<usize>columns) << 2;
  const whole = columns & ~7;
  let to = panels;
  for (let c = 0; c < whole; c += 8) {
    let from = x + ((<usize>c) << 2);
    for (let i = 0; i < rows; i++) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      from += stride;
      to += 32;
    }
  }
  if (whole < columns) packRest(x + ((<usize>whole) << 2), rows, columns - whole, 8, stride, to);
}

/** Panel k is columns 8k to 8k + 7 of the transpose of x [columns, rows], as [rows, 8]; zeros past the last. */
export function packTransposedBy8(x: usize, rows: i32, columns: i32, panels: usize): void {
  const stride = (<usize>rows) << 2;
  const panel = <usize>rows * 32;
  for (let c = 0; c < columns; c += 8) {
    const width = min(8, columns - c);
    if (width < 8) memory.fill(panels, 0, panel);
    for (let i = 0; i < width; i++) {
      let to = panels + ((<usize>i) << 2);
      for (let b: usize = 0; b < stride; b += 4) {
        store<f32>(to, load<f32>(x + b));
        to += 32;
      }
      x += stride;
    }
    panels += panel;
  }
}

/** One panel [rows, width] of fewer columns than `width`, rows of x being `stride` bytes apart. */
function packRest(x: usize, rows: i32, columns: i32, width: i32, stride: usize, panel: usize): void {
  for (let i = 0; i < rows; i++) {
    for (let c = 0; c < width; c++) {
      store<f32>(panel, c < columns ? load<f32>(x + ((<usize>c) << 2)) : 0);
      panel += 4;
    }
    x += stride;
  }
}

export function roundUp(n: i32, multiple: i32): i32 {
  return ((n + multiple - 1) / multiple) * multiple;
}
