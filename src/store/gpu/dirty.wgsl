// Which of a frame's superpixels have to be scored again. Needs batch, points, rows; `neighbours` ran before.

/// By superpixel: 1 where a voxel that it is scored by has changed.
@group(0) @binding(15) var<storage, read_write> dirty: array<atomic<u32>>;

fn changed(id: u32) -> bool {
  return id != NONE && load(id, REVISION) > operation.since;
}

/// A thread a voxel.
@compute @workgroup_size(GROUP)
fn compare(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
           @builtin(local_invocation_index) lane: u32) {
  let v = group_index(group, groups) * GROUP + lane;
  if v >= counts.voxels { return; }
  let voxel = voxels[v];
  voxels[v].changed = select(0u, 1u, changed(voxel.id) || changed(voxel.near) || changed(voxel.far));
}

/// A thread a row.
@compute @workgroup_size(GROUP)
fn flag(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group_index(group, groups) * GROUP + lane;
  if row >= counts.rows { return; }
  if voxels[rows[row].voxel].changed == 1u { atomicStore(&dirty[rows[row].superpixel], 1u); }
}
