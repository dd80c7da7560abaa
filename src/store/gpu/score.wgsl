// Sums of a frame's scores over its superpixels, from rows and what `gather` found. Needs wide, batch, rows,
// superpixel-sums.

const CROSS_UNIT = 16777216.0; // P_SCALE * LOG_SCALE
const ENTROPY_SCALE = 4096.0;

@group(0) @binding(11) var<storage, read> sums: array<u32>;
@group(0) @binding(12) var<storage, read> others: array<u32>;

var<workgroup> terms: array<f32, GROUP>;

/// A thread a row and class.
@compute @workgroup_size(GROUP)
fn score(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
         @builtin(local_invocation_index) lane: u32) {
  let row = group_index(group, groups) * class_items() + lane / CLASSES;
  let c = lane % CLASSES;
  let busy = lane / CLASSES < class_items() && row < counts.rows;
  let room = arrayLength(&sums) / (2u * CLASSES + 1u);
  terms[lane] = 0.0;
  var at = 0u;
  if busy {
    at = rows[row].voxel * (4u + CLASSES);
    terms[lane] = f32(sums[row * CLASSES + c]) * bitcast<f32>(others[at + 4u + c]);
  }
  workgroupBarrier();
  if !busy || c != 0u { return; }
  var cross = 0.0;
  for (var i = 0u; i < CLASSES; i++) { cross += terms[lane + i]; }
  let total = bitcast<f32>(others[at]);
  let own_entropy = f32(sums[2u * room * CLASSES + row]) / ENTROPY_SCALE;
  let pixels = rows[row].pixels;
  let to = 8u * rows[row].superpixel;
  atomicAdd(&scores[to], pixels);
  atomic_add64(to + 2u, fixed_point(f32(pixels) * bitcast<f32>(others[at + 2u])));
  let divergence = (cross / CROSS_UNIT - bitcast<f32>(others[at + 1u]) * own_entropy) / total;
  atomic_add64(to + 4u, fixed_point(divergence));
  atomic_add64(to + 6u, multiply(others[at + 3u], pixels));
}
