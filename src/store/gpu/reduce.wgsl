// A batch's share of each voxel, over all superpixels that meet there. Needs batch, rows.

/// Planes of the rows' sum P (C), sum -log P (C) and sum of entropies (1), each for as many rows as there is room.
@group(0) @binding(11) var<storage, read> sums: array<u32>;
@group(0) @binding(9) var<storage, read_write> own: array<atomic<u32>>;

/// A thread a row and class.
@compute @workgroup_size(GROUP)
fn reduce(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let row = group_index(group, groups) * class_items() + lane / CLASSES;
  let c = lane % CLASSES;
  if lane / CLASSES >= class_items() || row >= counts.rows { return; }
  let room = arrayLength(&sums) / (2u * CLASSES + 1u);
  let at = rows[row].voxel * (2u + 2u * CLASSES);
  atomicAdd(&own[at + 2u + c], sums[row * CLASSES + c]);
  atomicAdd(&own[at + 2u + CLASSES + c], sums[(room + row) * CLASSES + c]);
  if c == 0u {
    atomicAdd(&own[at], rows[row].pixels);
    atomicStore(&own[at + 1u], 1u);
  }
}
