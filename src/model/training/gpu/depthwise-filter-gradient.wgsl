// The gradient of 3×3 depthwise filters: at a tap the sum over output pixels of the pixel under it times dy. After
// channels.wgsl and convolution.wgsl.

const TAPS = 9u;

struct Product {
  conv: Convolution,
  /// Of the output.
  all: Channels,
}

@group(0) @binding(0) var<uniform> product: Product;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
/// [chunks, TAPS, channels]
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;
/// [TAPS, channels]
@group(0) @binding(4) var<storage, read_write> dw: array<f32>;

var<workgroup> sums: array<f32, GROUP>;

@compute @workgroup_size(GROUP)
fn products(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
            @builtin(local_invocation_index) lane: u32) {
  let all = product.all;
  let share = share_of(all, group.x + group.y * groups.x, lane);
  var sum: array<f32, TAPS>;
  for (var pixel = share.first; pixel < share.end; pixel += share.step) {
    let slope = dy[pixel * all.channels + share.channel];
    for (var tap = 0u; tap < TAPS; tap++) {
      let at = index_under(product.conv, pixel, tap);
      if at != NONE { sum[tap] += x[at + share.channel] * slope; }
    }
  }
  for (var tap = 0u; tap < TAPS; tap++) {
    workgroupBarrier();
    sums[lane] = sum[tap];
    for (var half = GROUP / 2u; half >= all.lanes; half /= 2u) {
      workgroupBarrier();
      if lane < half { sums[lane] += sums[lane + half]; }
    }
    if lane < all.lanes && share.begin < share.end {
      partial[(share.chunk * TAPS + tap) * all.channels + share.channel] = sums[lane];
    }
  }
}

/// A thread a weight.
@compute @workgroup_size(GROUP)
fn totals(@builtin(global_invocation_id) id: vec3u) {
  let weights = TAPS * product.all.channels;
  if id.x >= weights { return; }
  var sum = 0.0;
  for (var at = id.x; at < chunks_of(product.all) * weights; at += weights) { sum += partial[at]; }
  dw[id.x] = sum;
}
