// Sums of pixel scores over superpixels. Needs half, wide, views, superpixel-sums.

@group(0) @binding(9) var<storage, read> pixel_scores: array<vec4u>;
/// Superpixel of each pixel, 16 bits each.
@group(0) @binding(10) var<storage, read> superpixels: array<u32>;

/// A thread a pixel.
@compute @workgroup_size(GROUP)
fn average(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
           @builtin(local_invocation_index) lane: u32) {
  let i = group_index(group, groups) * GROUP + lane;
  if i >= batch.width * batch.height { return; }
  let pixel = pixel_scores[i];
  if pixel.x == 0u { return; }
  let to = 8u * ((superpixels[i / 2u] >> (16u * (i % 2u))) & 0xffffu);
  atomicAdd(&scores[to], 1u);
  atomic_add64(to + 2u, fixed_point(bitcast<f32>(pixel.z)));
  atomic_add64(to + 4u, fixed_point(bitcast<f32>(pixel.w)));
  atomic_add64(to + 6u, vec2u(pixel.y, 0u));
}
