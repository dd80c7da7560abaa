// Mean cross-entropy of upsampled logits over the labelled pixels, and its gradient, without the logits at full size.

const GROUP = 256u;

struct Images {
  count: u32,
  /// Of the labels.
  height: u32,
  width: u32,
  classes: u32,
}

@group(0) @binding(0) var<uniform> image_set: Images;
/// [images, ⌈height/4⌉, ⌈width/4⌉, classes]
@group(0) @binding(1) var<storage, read> logits: array<f32>;
/// [images, height, width]; what is no class does not count
@group(0) @binding(2) var<storage, read> labels: array<i32>;
/// [classes]
@group(0) @binding(3) var<storage, read> class_weights: array<f32>;
/// [images, height, width]: ln Σ exp of the pixel's logits; of pixels that count
@group(0) @binding(4) var<storage, read_write> normalisers: array<f32>;
/// A workgroup of pixels each: Σ weight·loss and Σ weight; then of all first
@group(0) @binding(5) var<storage, read_write> partial: array<vec2f>;
/// The mean; and one over the sum of weights, 0 where no pixel counts
@group(0) @binding(6) var<storage, read_write> loss: array<f32, 2>;
/// As the logits.
@group(0) @binding(7) var<storage, read_write> gradient: array<f32>;

var<workgroup> sums: array<vec2f, GROUP>;

struct Place {
  /// Of the first logits of the four small pixels around it.
  corners: vec4u,
  across: f32,
  down: f32,
}

fn small_height() -> u32 { return (image_set.height + 3u) / 4u; }
fn small_width() -> u32 { return (image_set.width + 3u) / 4u; }
fn pixels() -> u32 { return image_set.count * image_set.height * image_set.width; }

/// Pixel i of the small image lies at pixel 4i of the large one; beyond the last it holds.
fn place(pixel: u32) -> Place {
  let x = pixel % image_set.width;
  let y = pixel / image_set.width % image_set.height;
  let image = pixel / (image_set.width * image_set.height) * small_height() * small_width();
  let top = y / 4u * small_width();
  let bottom = min(y / 4u + 1u, small_height() - 1u) * small_width();
  let left = x / 4u;
  let right = min(left + 1u, small_width() - 1u);
  let corners = (vec4u(top + left, top + right, bottom + left, bottom + right) + image) * image_set.classes;
  return Place(corners, f32(x % 4u) / 4.0, f32(y % 4u) / 4.0);
}

fn logit(at: Place, c: u32) -> f32 {
  let top = mix(logits[at.corners.x + c], logits[at.corners.y + c], at.across);
  let bottom = mix(logits[at.corners.z + c], logits[at.corners.w + c], at.across);
  return mix(top, bottom, at.down);
}

fn label_of(pixel: u32) -> u32 { return u32(labels[pixel]); }

/// Sums the workgroup's `sums` into the first; for all its threads.
fn add_up(lane: u32) {
  for (var half = GROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if lane < half { sums[lane] += sums[lane + half]; }
  }
}

/// A thread a pixel.
@compute @workgroup_size(GROUP)
fn losses(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let index = group.x + group.y * groups.x;
  let pixel = index * GROUP + lane;
  sums[lane] = vec2f();
  if pixel < pixels() && label_of(pixel) < image_set.classes {
    let label = label_of(pixel);
    let at = place(pixel);
    var most = logit(at, 0u);
    for (var c = 1u; c < image_set.classes; c++) { most = max(most, logit(at, c)); }
    var sum = 0.0;
    for (var c = 0u; c < image_set.classes; c++) { sum += exp(logit(at, c) - most); }
    let normaliser = most + log(sum);
    normalisers[pixel] = normaliser;
    let weight = class_weights[label];
    sums[lane] = vec2f(weight * (normaliser - logit(at, label)), weight);
  }
  add_up(lane);
  if lane == 0u && index * GROUP < pixels() { partial[index] = sums[0]; }
}

/// One workgroup.
@compute @workgroup_size(GROUP)
fn mean(@builtin(local_invocation_index) lane: u32) {
  var sum = vec2f();
  for (var i = lane; i < (pixels() + GROUP - 1u) / GROUP; i += GROUP) { sum += partial[i]; }
  sums[lane] = sum;
  add_up(lane);
  if lane == 0u {
    let share = select(0.0, 1.0 / sums[0].y, sums[0].y > 0.0);
    loss[0] = sums[0].x * share;
    loss[1] = share;
  }
}

/// How much of a small row, or column, is in a large one.
fn part(small: u32, large: u32, last: u32) -> f32 {
  let f = f32(large % 4u) / 4.0;
  let low = large / 4u;
  return select(0.0, 1.0 - f, low == small) + select(0.0, f, min(low + 1u, last) == small);
}

/// A thread a logit: gathers from the large pixels around its own.
@compute @workgroup_size(GROUP)
fn slopes(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * GROUP + lane;
  let size = vec2u(small_width(), small_height());
  if i >= image_set.count * size.x * size.y * image_set.classes { return; }
  let c = i % image_set.classes;
  let small = i / image_set.classes;
  let x = small % size.x;
  let y = small / size.x % size.y;
  let image = small / (size.x * size.y);
  var sum = 0.0;
  for (var row = max(4u * y, 3u) - 3u; row < min(4u * y + 4u, image_set.height); row++) {
    for (var column = max(4u * x, 3u) - 3u; column < min(4u * x + 4u, image_set.width); column++) {
      let pixel = (image * image_set.height + row) * image_set.width + column;
      let label = label_of(pixel);
      if label >= image_set.classes { continue; }
      let p = exp(logit(place(pixel), c) - normalisers[pixel]);
      let slope = class_weights[label] * (p - select(0.0, 1.0, label == c));
      sum += part(y, row, size.y - 1u) * part(x, column, size.x - 1u) * slope;
    }
  }
  gradient[i] = sum * loss[1];
}
