// A thread a record: puts every id into a larger, empty table. Keys are distinct, so none is compared.
// Needs batch, status, points, slots.

@compute @workgroup_size(GROUP)
fn rehash(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let id = group_index(group, groups) * GROUP + lane;
  if id >= counts.voxels { return; }
  if load(id, 0u) == DEAD { return; }
  let mask = slot_mask();
  var slot = hash_voxel(bitcast<i32>(load(id, 0u)), bitcast<i32>(load(id, 1u)), bitcast<i32>(load(id, 2u))) & mask;
  for (var probe = 0u; probe < PROBES; probe++) {
    loop {
      let claim = atomicCompareExchangeWeak(&slots[2u * slot], 0u, id + 1u);
      if claim.exchanged { return; }
      if claim.old_value != 0u { break; }
    }
    slot = (slot + 1u) & mask;
  }
  atomicAdd(&status.failed, 1u);
}
