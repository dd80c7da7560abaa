// Copies what the store knows of some voxels; zero where it knows nothing. Needs batch, points.

/// Voxel by voxel: pixels, frames, sum P (C).
@group(0) @binding(14) var<storage, read_write> found: array<u32>;

/// A thread a voxel and word, after `locate`.
@compute @workgroup_size(GROUP)
fn lookup(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let words = 2u + CLASSES;
  let index = group_index(group, groups) * GROUP + lane;
  let v = index / words;
  if v >= counts.voxels { return; }
  let id = voxels[v].id;
  if id == NONE { found[index] = 0u; } else { found[index] = load(id, PIXELS + index % words); }
}
