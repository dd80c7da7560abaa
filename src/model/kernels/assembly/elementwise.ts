/** sum[i] = a[i] + b[i] for i in [0, n); float32. The three may be the same array. */
export function add(a: usize, b: usize, sum: usize, n: i32): void {
  const bytes = (<usize>n) << 2;
  const vectors = bytes & ~(<usize>15);
  let i: usize = 0;
  for (; i < vectors; i += 16) v128.store(sum + i, f32x4.add(v128.load(a + i), v128.load(b + i)));
  for (; i < bytes; i += 4) store<f32>(sum + i, load<f32>(a + i) + load<f32>(b + i));
}
