// Adds a batch's sums to the store's records, or subtracts them. Needs batch, points, status.
//
// A batch's voxels are distinct: each word of a record belongs to one thread, and plain additions do.

/// Voxel by voxel: pixels, frames, sum P (C), sum -log P (C), as the tail of a record.
@group(0) @binding(9) var<storage, read> own: array<u32>;

/// A thread a voxel: would a sum overflow, or go below nothing?
@compute @workgroup_size(GROUP)
fn check(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
         @builtin(local_invocation_index) lane: u32) {
  let v = group_index(group, groups) * GROUP + lane;
  if v >= counts.voxels || voxels[v].id == NONE { return; }
  let seen = load(voxels[v].id, PIXELS);
  let more = own[v * (2u + 2u * CLASSES)];
  if operation.sign == 1u {
    // Neither is above max_pixels when added rightly, and `more` may be anything: no sum that could wrap.
    if more > operation.max_pixels || seen > operation.max_pixels - more { atomicMax(&status.full, seen + 1u); }
  } else if seen < more {
    atomicAdd(&status.short, 1u);
  }
}

/// A thread a voxel and word.
@compute @workgroup_size(GROUP)
fn add(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
       @builtin(local_invocation_index) lane: u32) {
  let words = 2u + 2u * CLASSES;
  let index = group_index(group, groups) * GROUP + lane;
  let v = index / words;
  let word = index % words;
  if v >= counts.voxels || refused() { return; }
  let id = voxels[v].id;
  store(id, PIXELS + word, load(id, PIXELS + word) + operation.sign * own[index]);
  if word == 0u { store(id, REVISION, operation.revision); }
}

fn refused() -> bool {
  return (atomicLoad(&status.failed) | atomicLoad(&status.missing) | atomicLoad(&status.full)
    | atomicLoad(&status.short) | status.beyond | status.crowded) != 0u;
}
