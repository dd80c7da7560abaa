// Batch norm with the batch's own statistics, and activation; after channels.wgsl.

const EPSILON = 1e-3;

struct Norm {
  all: Channels,
  /// Of the activation.
  low: f32,
  high: f32,
}

@group(0) @binding(0) var<uniform> norm: Norm;
/// [pixels, channels]
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> offset: array<f32>;
/// [chunks, channels], mean and sum of squared deviations
@group(0) @binding(4) var<storage, read_write> partial: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> variance: array<f32>;
/// [channels]: mean, scale / deviation, offset, 1 / deviation
@group(0) @binding(7) var<storage, read_write> terms: array<vec4f>;
/// [pixels, channels]
@group(0) @binding(8) var<storage, read_write> y: array<f32>;

var<workgroup> sums: array<vec2f, GROUP>;

@compute @workgroup_size(GROUP)
fn moments(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
           @builtin(local_invocation_index) lane: u32) {
  let all = norm.all;
  let share = share_of(all, group.x + group.y * groups.x, lane);
  // Deviations from one of the values rather than from 0, of which squares would cancel.
  var pivot = 0.0;
  var sum = vec2f();
  if share.begin < share.end {
    pivot = x[share.begin * all.channels + share.channel];
    for (var pixel = share.first; pixel < share.end; pixel += share.step) {
      let d = x[pixel * all.channels + share.channel] - pivot;
      sum += vec2f(d, d * d);
    }
  }
  sums[lane] = sum;
  for (var half = GROUP / 2u; half >= all.lanes; half /= 2u) {
    workgroupBarrier();
    if lane < half { sums[lane] += sums[lane + half]; }
  }
  if lane < all.lanes && share.begin < share.end {
    let count = f32(share.end - share.begin);
    let total = sums[lane];
    partial[share.chunk * all.channels + share.channel] =
      vec2f(pivot + total.x / count, max(0.0, total.y - total.x * total.x / count));
  }
}

/// A thread a channel: Chan, Golub and LeVeque 1979.
@compute @workgroup_size(GROUP)
fn statistics(@builtin(global_invocation_id) id: vec3u) {
  let all = norm.all;
  let c = id.x;
  if c >= all.channels { return; }
  var average = 0.0;
  var squares = 0.0;
  var seen = 0.0;
  for (var chunk = 0u; chunk < chunks_of(all); chunk++) {
    let count = f32(min(all.chunk, all.pixels - chunk * all.chunk));
    let part = partial[chunk * all.channels + c];
    let d = part.x - average;
    average += d * count / (seen + count);
    squares += part.y + d * d * seen * count / (seen + count);
    seen += count;
  }
  let inverse = 1.0 / sqrt(squares / seen + EPSILON);
  mean[c] = average;
  variance[c] = squares / seen;
  terms[c] = vec4f(average, scale[c] * inverse, offset[c], inverse);
}

@compute @workgroup_size(GROUP)
fn normalise(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
             @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * GROUP + lane;
  if i >= norm.all.pixels * norm.all.channels { return; }
  let t = terms[i % norm.all.channels];
  y[i] = clamp((x[i] - t.x) * t.y + t.z, norm.low, norm.high);
}
