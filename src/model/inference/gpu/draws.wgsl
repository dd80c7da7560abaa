// The mean over draws of softmax(upsample4(logits)), as mean-softmax.ts has it, without the logits at full size.

override CLASSES: u32;

const GROUP = 256u;

struct Draws {
  /// Of the map.
  width: u32,
  height: u32,
  /// In `logits`.
  count: u32,
  /// 1 where the map holds nothing yet.
  first: u32,
  /// Of one draw in the mean.
  share: f32,
}

@group(0) @binding(0) var<uniform> draws: Draws;
/// [count, ⌈height/4⌉, ⌈width/4⌉, CLASSES]
@group(0) @binding(1) var<storage, read> logits: array<f32>;
/// [height, width, CLASSES]
@group(0) @binding(2) var<storage, read_write> map: array<f32>;

/// Bilinear between the four pixels of the small image around a pixel, given by their first logits.
fn logit(corners: vec4u, across: f32, down: f32, c: u32) -> f32 {
  let top = mix(logits[corners.x + c], logits[corners.y + c], across);
  let bottom = mix(logits[corners.z + c], logits[corners.w + c], across);
  return mix(top, bottom, down);
}

/// A thread a pixel: adds its share of every draw.
@compute @workgroup_size(GROUP)
fn add_draws(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
             @builtin(local_invocation_index) lane: u32) {
  let pixel = (group.x + group.y * groups.x) * GROUP + lane;
  if pixel >= draws.width * draws.height { return; }
  let x = pixel % draws.width;
  let y = pixel / draws.width;
  let columns = (draws.width + 3u) / 4u;
  let rows = (draws.height + 3u) / 4u;
  let top = y / 4u * columns;
  let bottom = min(y / 4u + 1u, rows - 1u) * columns;
  let left = x / 4u;
  let right = min(left + 1u, columns - 1u);
  let across = f32(x % 4u) / 4.0;
  let down = f32(y % 4u) / 4.0;
  for (var draw = 0u; draw < draws.count; draw++) {
    let corners = (vec4u(top + left, top + right, bottom + left, bottom + right) + draw * rows * columns) * CLASSES;
    var most = logit(corners, across, down, 0u);
    for (var c = 1u; c < CLASSES; c++) { most = max(most, logit(corners, across, down, c)); }
    var sum = 0.0;
    for (var c = 0u; c < CLASSES; c++) { sum += exp(logit(corners, across, down, c) - most); }
    let scale = draws.share / sum;
    let is_first = draw == 0u && draws.first == 1u;
    for (var c = 0u; c < CLASSES; c++) {
      let p = exp(logit(corners, across, down, c) - most) * scale;
      let i = pixel * CLASSES + c;
      if is_first { map[i] = p; } else { map[i] += p; }
    }
  }
}
