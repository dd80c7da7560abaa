// The gradients of batch-norm.wgsl; after channels.wgsl. With x̂ the normalised x, dz the gradient before the activation
// and ⟨·⟩ the mean over the batch: dx = factor·(dz − ⟨dz⟩ − x̂·⟨dz·x̂⟩).

struct Norm {
  all: Channels,
  /// Of the activation.
  low: f32,
  high: f32,
}

@group(0) @binding(0) var<uniform> norm: Norm;
/// [pixels, channels]
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
/// [channels]: mean, scale / deviation, offset, 1 / deviation
@group(0) @binding(3) var<storage, read> terms: array<vec4f>;
/// [chunks, channels]: Σ dz and Σ dz·x̂
@group(0) @binding(4) var<storage, read_write> partial: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> d_scale: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_offset: array<f32>;
/// [pixels, channels]
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;

var<workgroup> sums: array<vec2f, GROUP>;

/// dz and x̂ of an element.
fn slope(i: u32, t: vec4f) -> vec2f {
  let centred = x[i] - t.x;
  let z = centred * t.y + t.z;
  return vec2f(select(0.0, dy[i], z > norm.low && z < norm.high), centred * t.w);
}

@compute @workgroup_size(GROUP)
fn slopes(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let all = norm.all;
  let share = share_of(all, group.x + group.y * groups.x, lane);
  var sum = vec2f();
  if share.begin < share.end {
    let t = terms[share.channel];
    for (var pixel = share.first; pixel < share.end; pixel += share.step) {
      let s = slope(pixel * all.channels + share.channel, t);
      sum += vec2f(s.x, s.x * s.y);
    }
  }
  sums[lane] = sum;
  for (var half = GROUP / 2u; half >= all.lanes; half /= 2u) {
    workgroupBarrier();
    if lane < half { sums[lane] += sums[lane + half]; }
  }
  if lane < all.lanes && share.begin < share.end {
    partial[share.chunk * all.channels + share.channel] = sums[lane];
  }
}

/// A thread a channel.
@compute @workgroup_size(GROUP)
fn totals(@builtin(global_invocation_id) id: vec3u) {
  let all = norm.all;
  let c = id.x;
  if c >= all.channels { return; }
  var sum = vec2f();
  for (var chunk = 0u; chunk < chunks_of(all); chunk++) { sum += partial[chunk * all.channels + c]; }
  d_offset[c] = sum.x;
  d_scale[c] = sum.y;
}

@compute @workgroup_size(GROUP)
fn gradient(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
            @builtin(local_invocation_index) lane: u32) {
  let all = norm.all;
  let i = (group.x + group.y * groups.x) * GROUP + lane;
  if i >= all.pixels * all.channels { return; }
  let c = i % all.channels;
  let t = terms[c];
  let s = slope(i, t);
  dx[i] = t.y * (s.x - (d_offset[c] + s.y * d_scale[c]) / f32(all.pixels));
}
