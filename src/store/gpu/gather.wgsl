// What a frame's pixels are compared with, voxel by voxel (PointStore.score of the CPU says how). Needs batch, points.

const P_SCALE = 16384.0;
const MIN_P = 1e-8;
/// Weight of the voxels before and behind on the viewing ray.
const BESIDE = 0.5;

@group(0) @binding(9) var<storage, read> own: array<u32>;
/// Voxel by voxel: total pixels, those of other frames, entropy of the mean (bits of f32), frames (an integer), and
/// the other frames' sum -log P (C, bits of f32).
@group(0) @binding(12) var<storage, read_write> others: array<u32>;

var<workgroup> terms: array<f32, GROUP>;

/// Difference of a record's word and the batch's own share of it.
fn without_own(id: u32, number: u32, word: u32) -> u32 {
  let all = load(id, PIXELS + word);
  if number == NONE { return all; }
  return all - own[number * (2u + 2u * CLASSES) + word];
}

/// A thread a voxel and class. Sums are integers until the own share is taken away, so nothing cancels in floats.
@compute @workgroup_size(GROUP)
fn gather(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let items = class_items();
  let v = group_index(group, groups) * items + lane / CLASSES;
  let c = lane % CLASSES;
  let busy = lane / CLASSES < items && v < counts.voxels && voxels[v].id != NONE;
  let words = 2u + 2u * CLASSES;
  let at = v * (4u + CLASSES);
  terms[lane] = 0.0;
  if busy {
    let voxel = voxels[v];
    // In halves of pixels: those of all frames for entropy, those of other frames for divergence.
    var all = 2u * load(voxel.id, PIXELS);
    var halves = 2u * without_own(voxel.id, v, 0u);
    var q = f32(load(voxel.id, SUMS + c));
    var neg_log = f32(without_own(voxel.id, v, 2u + CLASSES + c));
    if voxel.near != NONE {
      all += load(voxel.near, PIXELS);
      halves += without_own(voxel.near, voxel.near_own, 0u);
      q += BESIDE * f32(load(voxel.near, SUMS + c));
      neg_log += BESIDE * f32(without_own(voxel.near, voxel.near_own, 2u + CLASSES + c));
    }
    if voxel.far != NONE {
      all += load(voxel.far, PIXELS);
      halves += without_own(voxel.far, voxel.far_own, 0u);
      q += BESIDE * f32(load(voxel.far, SUMS + c));
      neg_log += BESIDE * f32(without_own(voxel.far, voxel.far_own, 2u + CLASSES + c));
    }
    let elsewhere = 0.5 * f32(halves);
    let total = elsewhere + f32(own[v * words]);
    let p = q / (0.5 * f32(all) * P_SCALE);
    if p > MIN_P { terms[lane] = -p * log(p); }
    others[at + 4u + c] = bitcast<u32>(neg_log);
    if c == 0u {
      others[at] = bitcast<u32>(total);
      others[at + 1u] = bitcast<u32>(elsewhere);
      others[at + 3u] = load(voxel.id, FRAMES);
    }
  }
  workgroupBarrier();
  if busy && c == 0u {
    var entropy = 0.0;
    for (var i = 0u; i < CLASSES; i++) { entropy += terms[lane + i]; }
    others[at + 2u] = bitcast<u32>(entropy);
  }
}
