/**
 * Gradient descent with momentum over n numbers: newVelocity = momentum·velocity + gradient + decay·weights and
 * newWeights = weights − rate·newVelocity.
 */
export function momentumStep(
  weights: usize,
  gradient: usize,
  velocity: usize,
  newWeights: usize,
  newVelocity: usize,
  n: i32,
  rate: f32,
  momentum: f32,
  decay: f32,
): void {
  const bytes = (<usize>n) << 2;
  const vectors = bytes & ~(<usize>15);
  const r = f32x4.splat(rate);
  const m = f32x4.splat(momentum);
  const d = f32x4.splat(decay);
  let i: usize = 0;
  for (; i < vectors; i += 16) {
    const w = v128.load(weights + i);
    const slope = f32x4.add(v128.load(gradient + i), f32x4.mul(d, w));
    const v = f32x4.add(f32x4.mul(m, v128.load(velocity + i)), slope);
    v128.store(newVelocity + i, v);
    v128.store(newWeights + i, f32x4.sub(w, f32x4.mul(r, v)));
  }
  for (; i < bytes; i += 4) {
    const w = load<f32>(weights + i);
    const v = momentum * load<f32>(velocity + i) + (load<f32>(gradient + i) + decay * w);
    store<f32>(newVelocity + i, v);
    store<f32>(newWeights + i, w - rate * v);
  }
}
