// A map in half precision, which is read in half the time. After half.wgsl.

const GROUP = 256u;

@group(0) @binding(0) var<storage, read> map: array<f32>;
/// Two in a word, the first in the lower bits.
@group(0) @binding(1) var<storage, read_write> halves: array<u32>;

fn half_at(i: u32) -> u32 {
  if i >= arrayLength(&map) { return 0u; }
  return to_half(bitcast<u32>(map[i]));
}

/// A thread a word.
@compute @workgroup_size(GROUP)
fn pack(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let word = (group.x + group.y * groups.x) * GROUP + lane;
  if word < arrayLength(&halves) { halves[word] = half_at(2u * word) | (half_at(2u * word + 1u) << 16u); }
}
