// Finding and inserting a batch's voxels. Needs batch, status, points, slots.

/// One thread: an operation begins.
@compute @workgroup_size(1)
fn begin() {
  status.base = atomicLoad(&status.count);
  atomicStore(&status.failed, 0u);
  atomicStore(&status.missing, 0u);
  atomicStore(&status.full, 0u);
  atomicStore(&status.short, 0u);
  status.beyond = counts.beyond;
  status.crowded = counts.crowded;
}

/// A thread a voxel: its id, NONE and counted as missing where it has none.
@compute @workgroup_size(GROUP)
fn locate(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let v = group_index(group, groups) * GROUP + lane;
  if v >= counts.voxels { return; }
  let slot = find(voxels[v].x, voxels[v].y, voxels[v].z);
  if slot == NONE {
    voxels[v].id = NONE;
    atomicAdd(&status.missing, 1u);
    return;
  }
  voxels[v].id = atomicLoad(&slots[2u * slot]) - 1u;
  atomicStore(&slots[2u * slot + 1u], v + 1u);
}

/// A thread a voxel: its id, a new one where it has none.
///
/// A batch's voxels are distinct, so whatever another thread is inserting is not the voxel that this one looks for.
/// Its id tells: `base` or more. Such keys, perhaps half written, are passed over unread, and no thread ever waits
/// for another.
@compute @workgroup_size(GROUP)
fn insert(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let v = group_index(group, groups) * GROUP + lane;
  if v >= counts.voxels || status.beyond > 0u || status.crowded > 0u { return; }
  let x = voxels[v].x;
  let y = voxels[v].y;
  let z = voxels[v].z;
  let mask = slot_mask();
  var slot = hash_voxel(x, y, z) & mask;
  var mine = NONE;
  for (var probe = 0u; probe < PROBES; probe++) {
    var entry = atomicLoad(&slots[2u * slot]);
    if entry == 0u {
      if mine == NONE {
        mine = atomicAdd(&status.count, 1u);
        if mine >= operation.capacity { break; }
        store(mine, 0u, bitcast<u32>(x));
        store(mine, 1u, bitcast<u32>(y));
        store(mine, 2u, bitcast<u32>(z));
      }
      // A weak exchange may fail though the slot is empty: only what it read tells.
      loop {
        let claim = atomicCompareExchangeWeak(&slots[2u * slot], 0u, mine + 1u);
        if claim.exchanged {
          atomicStore(&slots[2u * slot + 1u], v + 1u);
          voxels[v].id = mine;
          return;
        }
        entry = claim.old_value;
        if entry != 0u { break; }
      }
    }
    if entry - 1u < status.base && has_key(entry - 1u, x, y, z) {
      atomicStore(&slots[2u * slot + 1u], v + 1u);
      voxels[v].id = entry - 1u;
      return;
    }
    slot = (slot + 1u) & mask;
  }
  // The operation adds nothing; an id given here is dead, and nothing will look for its key.
  if mine < operation.capacity { store(mine, 0u, DEAD); }
  voxels[v].id = NONE;
  atomicAdd(&status.failed, 1u);
}

fn own_number(slot: u32, x: i32, y: i32, z: i32) -> u32 {
  let hint = atomicLoad(&slots[2u * slot + 1u]);
  if hint == 0u || hint > counts.voxels { return NONE; }
  let v = hint - 1u;
  return select(NONE, v, voxels[v].x == x && voxels[v].y == y && voxels[v].z == z);
}

/// A thread a voxel, after `locate` or `insert`: the voxels before and behind it on its ray.
@compute @workgroup_size(GROUP)
fn neighbours(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
              @builtin(local_invocation_index) lane: u32) {
  let v = group_index(group, groups) * GROUP + lane;
  if v >= counts.voxels { return; }
  let ray = i32(voxels[v].ray);
  let step = vec3i(ray / 9, (ray / 3) % 3, ray % 3) - 1;
  let here = vec3i(voxels[v].x, voxels[v].y, voxels[v].z);

  let before = here - step;
  var slot = find(before.x, before.y, before.z);
  voxels[v].near = NONE;
  voxels[v].near_own = NONE;
  if slot != NONE {
    voxels[v].near = atomicLoad(&slots[2u * slot]) - 1u;
    voxels[v].near_own = own_number(slot, before.x, before.y, before.z);
  }

  let behind = here + step;
  slot = find(behind.x, behind.y, behind.z);
  voxels[v].far = NONE;
  voxels[v].far_own = NONE;
  if slot != NONE {
    voxels[v].far = atomicLoad(&slots[2u * slot]) - 1u;
    voxels[v].far_own = own_number(slot, behind.x, behind.y, behind.z);
  }
}
