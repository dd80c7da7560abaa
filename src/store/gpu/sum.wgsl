// Adds every pixel's fixed-point terms to its row.

/// Whether the map holds halves, two in a word, or f32.
override HALVES: bool;
override MAX_PIXELS: u32;

/// Pixels in a row of the image that a thread takes: neighbours mostly share a row of the table.
const RUN = 8u;

struct Counts {
  rows: u32,
  voxels: u32,
  beyond: u32,
  crowded: atomic<u32>,
}

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read_write> counts: Counts;
/// Voxel and row of each pixel, row -1 without depth.
@group(0) @binding(2) var<storage, read> pixels: array<vec4i>;
@group(0) @binding(3) var<storage, read> map: array<u32>;
/// By a half's bits: P and -log P in 16 bits each, and entropy (fixed-point.ts).
@group(0) @binding(4) var<storage, read> terms: array<vec2u>;
@group(0) @binding(5) var<storage, read> rows: array<Row>;
/// Planes as `reduce` reads them.
@group(0) @binding(6) var<storage, read_write> sums: array<atomic<u32>>;
@group(0) @binding(7) var<storage, read_write> own: array<u32>;

/// A thread a row and class: zero, whatever an earlier frame left. A row of too many pixels is told.
@compute @workgroup_size(GROUP)
fn clear_rows(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
              @builtin(local_invocation_index) lane: u32) {
  let items = class_items();
  let row = group_index(group, groups) * items + lane / CLASSES;
  let c = lane % CLASSES;
  if lane / CLASSES >= items || row >= counts.rows { return; }
  let room = arrayLength(&sums) / (2u * CLASSES + 1u);
  atomicStore(&sums[row * CLASSES + c], 0u);
  atomicStore(&sums[(room + row) * CLASSES + c], 0u);
  if c == 0u {
    atomicStore(&sums[2u * room * CLASSES + row], 0u);
    if rows[row].pixels > MAX_PIXELS { atomicMax(&counts.crowded, rows[row].pixels); }
  }
}

/// A thread a voxel and word: zero.
@compute @workgroup_size(GROUP)
fn clear_voxels(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                @builtin(local_invocation_index) lane: u32) {
  let index = group_index(group, groups) * GROUP + lane;
  if index < counts.voxels * (2u + 2u * CLASSES) { own[index] = 0u; }
}

fn half_at(element: u32) -> u32 {
  if HALVES { return min((map[element / 2u] >> (16u * (element % 2u))) & 0xffffu, ONE); }
  return to_half(map[element]);
}

fn flush(row: i32, c: u32, p: u32, neg_log: u32, entropy: u32) {
  if row < 0 { return; }
  let room = arrayLength(&sums) / (2u * CLASSES + 1u);
  if p > 0u { atomicAdd(&sums[u32(row) * CLASSES + c], p); }
  if neg_log > 0u { atomicAdd(&sums[(room + u32(row)) * CLASSES + c], neg_log); }
  if entropy > 0u { atomicAdd(&sums[2u * room * CLASSES + u32(row)], entropy); }
}

/// A thread a class and RUN pixels: threads side by side read classes side by side.
@compute @workgroup_size(GROUP)
fn sum(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
       @builtin(local_invocation_index) lane: u32) {
  let index = group_index(group, groups) * GROUP + lane;
  let c = index % CLASSES;
  let begin = index / CLASSES * RUN;
  let end = min(begin + RUN, frame.width * frame.height);
  var row = -1i;
  var p = 0u;
  var neg_log = 0u;
  var entropy = 0u;
  for (var i = begin; i < end; i++) {
    let next = pixels[i].w;
    if next != row {
      flush(row, c, p, neg_log, entropy);
      row = next;
      p = 0u;
      neg_log = 0u;
      entropy = 0u;
    }
    if next >= 0 {
      let term = terms[half_at(i * CLASSES + c)];
      p += term.x & 0xffffu;
      neg_log += term.x >> 16u;
      entropy += term.y;
    }
  }
  flush(row, c, p, neg_log, entropy);
}
