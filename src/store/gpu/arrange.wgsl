// How many workgroups later dispatches need, which only the GPU knows (batch.ts says which). Needs batch.

/// Workgroups in one row of a dispatch.
const ROW_LIMIT = 32768u;

@group(0) @binding(3) var<storage, read_write> dispatches: array<u32>;

fn lay_out(shape: u32, threads: u32, in_group: u32) {
  let workgroups = (threads + in_group - 1u) / in_group;
  dispatches[3u * shape] = min(workgroups, ROW_LIMIT);
  dispatches[3u * shape + 1u] = (workgroups + ROW_LIMIT - 1u) / ROW_LIMIT;
  dispatches[3u * shape + 2u] = 1u;
}

/// One thread.
@compute @workgroup_size(1)
fn arrange() {
  lay_out(0u, counts.rows, GROUP);
  lay_out(1u, counts.rows, class_items());
  lay_out(2u, counts.voxels, GROUP);
  lay_out(3u, counts.voxels, class_items());
  lay_out(4u, counts.voxels * (2u + 2u * CLASSES), GROUP);
}
