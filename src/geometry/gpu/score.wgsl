// Scores of a frame's pixels from what was gathered. Needs half, wide, views.

const MIN_P = 1e-8;

@group(0) @binding(3) var<storage, read> own_page: array<u32>;
@group(0) @binding(6) var<storage, read> neg_logs: array<u32>;
@group(0) @binding(7) var<storage, read> sums: array<vec4u>;
@group(0) @binding(8) var<storage, read> counts: array<vec2u>;
/// Observations, views, and bits of view entropy and view divergence in nats; zero without observations.
@group(0) @binding(9) var<storage, read_write> pixel_scores: array<vec4u>;

/// A thread a pixel. Logarithms are subtracted as integers, so that nothing cancels in floats.
@compute @workgroup_size(GROUP)
fn score(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
         @builtin(local_invocation_index) lane: u32) {
  let i = group_index(group, groups) * GROUP + lane;
  let pixels = batch.width * batch.height;
  if i >= pixels { return; }
  let n = counts[i].x;
  var entropy = 0.0;
  var divergence = 0.0;
  if n > 0u {
    for (var c = 0u; c < CLASSES; c++) {
      let element = i * CLASSES + c;
      let sum = sums[element];
      let q = to_f32(sum.xy) / ONE_P / f32(n);
      if q > MIN_P { entropy -= q * log(q); }
      let half = half_of(own_page[batch.own_at + pixels + element / 2u], element);
      let apart = add64(sum.zw, negate64(multiply(neg_logs[half], n)));
      divergence += f32(units_of(half)) / ONE_P * (to_f32(apart) / LOG_SCALE / f32(n));
    }
  }
  pixel_scores[i] = vec4u(counts[i], bitcast<u32>(entropy), bitcast<u32>(divergence));
}
