// Sums over all that falls on each pixel of a frame, batch by batch. Sums of integers are the same in whatever order
// threads have made the lists, and no two threads add to the same one. Needs half, wide, views.

@group(0) @binding(2) var<storage, read> page: array<u32>;
@group(0) @binding(4) var<storage, read> heads: array<u32>;
@group(0) @binding(5) var<storage, read> links: array<u32>;
/// -log P in units, by a half's bits.
@group(0) @binding(6) var<storage, read> neg_logs: array<u32>;
/// Pixel by pixel and class by class: sum P and sum -log P in units, low and high words.
@group(0) @binding(7) var<storage, read_write> sums: array<vec4u>;
/// Pixel by pixel: observations, and views among them.
@group(0) @binding(8) var<storage, read_write> counts: array<vec2u>;

/// A thread a pixel and class: threads side by side read classes side by side.
@compute @workgroup_size(GROUP)
fn gather(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let index = group_index(group, groups) * GROUP + lane;
  let pixels = batch.width * batch.height;
  let i = index / CLASSES;
  let c = index % CLASSES;
  if i >= pixels { return; }
  var p = vec2u(0u);
  var neg_log = vec2u(0u);
  var count = vec2u(0u);
  for (var view = 0u; view < batch.views; view++) {
    var one = heads[view * pixels + i];
    if one == 0u { continue; }
    count.y++;
    let map = (batch.first + view) * batch.view_words + pixels;
    while one != 0u {
      let element = (one - 1u) * CLASSES + c;
      let half = half_of(page[map + element / 2u], element);
      p = add64(p, vec2u(units_of(half), 0u));
      neg_log = add64(neg_log, vec2u(neg_logs[half], 0u));
      count.x++;
      one = links[view * pixels + one - 1u];
    }
  }
  if count.x == 0u { return; }
  let before = sums[index];
  sums[index] = vec4u(add64(before.xy, p), add64(before.zw, neg_log));
  if c == 0u { counts[i] += count; }
}
