// Open addressing with linear probing over pairs (id + 1, hint), at most half full; 0 is empty.
//
// The hint is one plus the number of a voxel in the batch that looked there last. It is never cleared: a reader
// checks that the voxel it leads to is the one it wants.

/// Longest probe. An insertion that would need a longer one fails aloud and the table grows, so a key that is not
/// found within it is not there.
override PROBES: u32;

@group(0) @binding(8) var<storage, read_write> slots: array<atomic<u32>>;

fn slot_mask() -> u32 {
  return arrayLength(&slots) / 2u - 1u;
}

fn has_key(id: u32, x: i32, y: i32, z: i32) -> bool {
  return load(id, 0u) == bitcast<u32>(x) && load(id, 1u) == bitcast<u32>(y) && load(id, 2u) == bitcast<u32>(z);
}

/// Slot that holds the voxel, NONE where none does.
fn find(x: i32, y: i32, z: i32) -> u32 {
  let mask = slot_mask();
  var slot = hash_voxel(x, y, z) & mask;
  for (var probe = 0u; probe < PROBES; probe++) {
    let entry = atomicLoad(&slots[2u * slot]);
    if entry == 0u { return NONE; }
    if has_key(entry - 1u, x, y, z) { return slot; }
    slot = (slot + 1u) & mask;
  }
  return NONE;
}
