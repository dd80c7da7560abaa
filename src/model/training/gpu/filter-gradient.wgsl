// The gradient of a convolution's filters, dW = Xᵀ·dY: X has a row for each output pixel, the patch that it meets. A workgroup
// has 64×64 of dW and one chunk of the pixels, each thread 4×4; chunks are added in their order. After convolution.wgsl.

const GROUP = 256u;
const TILE = 64u;
/// Pixels held at a time.
const DEPTH = 16u;

struct Product {
  conv: Convolution,
  /// Pixels of a chunk; the last may have fewer.
  chunk: u32,
}

@group(0) @binding(0) var<uniform> product: Product;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
/// [chunks, size, size, channels, outputs]
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;
/// [size, size, channels, outputs]
@group(0) @binding(4) var<storage, read_write> dw: array<f32>;

/// [DEPTH, TILE]
var<workgroup> patches: array<f32, DEPTH * TILE>;
var<workgroup> slopes: array<f32, DEPTH * TILE>;

fn rows() -> u32 { return product.conv.size * product.conv.size * product.conv.channels; }

@compute @workgroup_size(GROUP)
fn products(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
            @builtin(local_invocation_index) lane: u32) {
  let conv = product.conv;
  let across = (conv.outputs + TILE - 1u) / TILE;
  let down = (rows() + TILE - 1u) / TILE;
  let index = group.x + group.y * groups.x;
  let left = index % across * TILE;
  let top = index / across % down * TILE;
  let chunk = index / (across * down);
  let begin = min(chunk * product.chunk, product.conv.pixels);
  let end = min(begin + product.chunk, product.conv.pixels);
  // The threads of a column load one column of each, as GROUP is a multiple of TILE.
  let row = top + lane % TILE;
  let column = left + lane % TILE;
  let tap = row / conv.channels;
  let channel = row % conv.channels;
  let y = lane / 16u * 4u;
  let z = lane % 16u * 4u;
  var sums: array<vec4f, 4>;
  for (var start = begin; start < end; start += DEPTH) {
    for (var i = lane; i < DEPTH * TILE; i += GROUP) {
      let pixel = start + i / TILE;
      var met = 0.0;
      var slope = 0.0;
      if pixel < end {
        if row < rows() {
          let at = index_under(conv, pixel, tap);
          if at != NONE { met = x[at + channel]; }
        }
        if column < conv.outputs { slope = dy[pixel * conv.outputs + column]; }
      }
      patches[i] = met;
      slopes[i] = slope;
    }
    workgroupBarrier();
    for (var d = 0u; d < DEPTH * TILE; d += TILE) {
      let s = vec4f(slopes[d + z], slopes[d + z + 1u], slopes[d + z + 2u], slopes[d + z + 3u]);
      for (var i = 0u; i < 4u; i++) { sums[i] += patches[d + y + i] * s; }
    }
    workgroupBarrier();
  }
  if begin >= product.conv.pixels { return; }
  for (var i = 0u; i < 4u; i++) {
    for (var j = 0u; j < 4u; j++) {
      let k = top + y + i;
      let m = left + z + j;
      if k < rows() && m < conv.outputs { partial[(chunk * rows() + k) * conv.outputs + m] = sums[i][j]; }
    }
  }
}

/// A thread a weight.
@compute @workgroup_size(GROUP)
fn totals(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * GROUP + lane;
  let weights = rows() * product.conv.outputs;
  if i >= weights { return; }
  var sum = 0.0;
  for (var at = i; at < (product.conv.pixels + product.chunk - 1u) / product.chunk * weights; at += weights) { sum += partial[at]; }
  dw[i] = sum;
}
