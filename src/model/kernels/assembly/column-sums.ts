/** sums[c] = Σ over rows of x [rows, columns], added in 64 bits; for a few columns. */
export function columnSums(x: usize, rows: i32, columns: i32, sums: usize): void {
  const row = (<usize>columns) << 2;
  const end = x + <usize>rows * row;
  for (let c: usize = 0; c < row; c += 4) {
    let sum: f64 = 0;
    for (let p = x + c; p < end; p += row) sum += <f64>load<f32>(p);
    store<f32>(sums + c, <f32>sum);
  }
}
