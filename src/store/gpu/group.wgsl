// Groups a frame's pixels by voxel, and by superpixel and voxel, in two hash tables of pixel numbers.
//
// A slot holds a pixel's number plus one, and that pixel's voxel, which was there before, is the key: who loses a slot
// can compare at once and waits for no one. Tables have two slots a pixel or more, so probing always ends. Needs layout,
// wide.

struct Counts {
  rows: atomic<u32>,
  voxels: atomic<u32>,
  beyond: atomic<u32>,
  crowded: atomic<u32>,
}

/// `Row`, as many threads count in it.
struct CountedRow {
  superpixel: u32,
  voxel: u32,
  pixels: atomic<u32>,
  first: atomic<u32>,
}

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read_write> counts: Counts;
@group(0) @binding(2) var<storage, read_write> voxels: array<Voxel>;
/// `project` wrote them; `number` replaces the superpixel by the row.
@group(0) @binding(5) var<storage, read_write> pixels: array<vec4i>;
@group(0) @binding(7) var<storage, read_write> voxel_slots: array<atomic<u32>>;
@group(0) @binding(8) var<storage, read_write> row_slots: array<atomic<u32>>;
/// Pixel by pixel: the pixels that stand for its voxel and its row, and, where it is one of them, their number.
@group(0) @binding(9) var<storage, read_write> links: array<vec4u>;
@group(0) @binding(10) var<storage, read_write> rows: array<CountedRow>;

/// From the camera to the voxel's centre along one axis, in 2^-32 voxels.
fn ray_along(voxel: i32, camera: vec2u) -> vec2u {
  return add64(vec2u(0x80000000u, bitcast<u32>(voxel)), negate64(camera));
}

fn size64(a: vec2u) -> vec2u {
  if is_negative64(a) { return negate64(a); }
  return a;
}

/// 0, 1 or 2 for a ray that leads back, stays or leads on along an axis: on where its cosine is above a half.
fn direction(along: vec2u, square: vec2u, squares: vec2u) -> u32 {
  let four = vec2u(square.x << 2u, (square.y << 2u) | (square.x >> 30u));
  if four.y < squares.y || (four.y == squares.y && four.x <= squares.x) { return 1u; }
  return select(2u, 0u, is_negative64(along));
}

/// Code of the neighbour one voxel on (rayCode in incidences.ts), from 30 bits of the ray.
fn ray_code(voxel: vec3i) -> u32 {
  let x = ray_along(voxel.x, frame.camera_x);
  let y = ray_along(voxel.y, frame.camera_y);
  let z = ray_along(voxel.z, frame.camera_z);
  let bits = size64(x) | size64(y) | size64(z);
  let zeros = select(32u + countLeadingZeros(bits.x), countLeadingZeros(bits.y), bits.y != 0u);
  let shift = 34u - min(zeros, 34u);
  let size = vec3u(
    shift_right(size64(x).x, size64(x).y, 0u, shift).x,
    shift_right(size64(y).x, size64(y).y, 0u, shift).x,
    shift_right(size64(z).x, size64(z).y, 0u, shift).x);
  let xx = multiply(size.x, size.x);
  let yy = multiply(size.y, size.y);
  let zz = multiply(size.z, size.z);
  let squares = add64(xx, add64(yy, zz));
  return 9u * direction(x, xx, squares) + 3u * direction(y, yy, squares) + direction(z, zz, squares);
}

/// The pixel that stands for the voxel of pixel i, which may be i from now on.
fn claim_voxel(i: u32, pixel: vec4i, hash: u32) -> u32 {
  let mask = arrayLength(&voxel_slots) - 1u;
  var slot = hash & mask;
  loop {
    var entry = atomicLoad(&voxel_slots[slot]);
    if entry == 0u {
      let exchange = atomicCompareExchangeWeak(&voxel_slots[slot], 0u, i + 1u);
      if exchange.exchanged { return i; }
      entry = exchange.old_value;
      // A weak exchange may fail though the slot is empty.
      if entry == 0u { continue; }
    }
    if all(pixels[entry - 1u].xyz == pixel.xyz) { return entry - 1u; }
    slot = (slot + 1u) & mask;
  }
}

/// The pixel that stands for the row of pixel i, likewise.
fn claim_row(i: u32, pixel: vec4i, hash: u32) -> u32 {
  let mask = arrayLength(&row_slots) - 1u;
  var slot = (hash ^ (u32(pixel.w) * 0x85ebca6bu)) & mask;
  loop {
    var entry = atomicLoad(&row_slots[slot]);
    if entry == 0u {
      let exchange = atomicCompareExchangeWeak(&row_slots[slot], 0u, i + 1u);
      if exchange.exchanged { return i; }
      entry = exchange.old_value;
      if entry == 0u { continue; }
    }
    if all(pixels[entry - 1u] == pixel) { return entry - 1u; }
    slot = (slot + 1u) & mask;
  }
}

/// New voxels and rows of this workgroup, and the numbers of the first of each.
var<workgroup> new_voxels: atomic<u32>;
var<workgroup> new_rows: atomic<u32>;
var<workgroup> first_voxel: u32;
var<workgroup> first_row: u32;

/// A thread a pixel: finds the pixels that stand for its voxel and row, or becomes one. A workgroup takes its numbers
/// at once, as all threads of a frame adding to one counter would queue.
@compute @workgroup_size(GROUP)
fn claim(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
         @builtin(local_invocation_index) lane: u32) {
  let i = group_index(group, groups) * GROUP + lane;
  var pixel = vec4i(0, 0, 0, -1);
  if i < frame.width * frame.height { pixel = pixels[i]; }
  var link = vec4u(NONE, NONE, 0u, 0u);
  if pixel.w >= 0 {
    let hash = hash_voxel(pixel.x, pixel.y, pixel.z);
    link.x = claim_voxel(i, pixel, hash);
    link.y = claim_row(i, pixel, hash);
    if link.x == i { link.z = atomicAdd(&new_voxels, 1u); }
    if link.y == i { link.w = atomicAdd(&new_rows, 1u); }
  }
  workgroupBarrier();
  if lane == 0u {
    first_voxel = atomicAdd(&counts.voxels, atomicLoad(&new_voxels));
    first_row = atomicAdd(&counts.rows, atomicLoad(&new_rows));
  }
  workgroupBarrier();
  if pixel.w < 0 { return; }
  if link.x == i {
    link.z += first_voxel;
    voxels[link.z].x = pixel.x;
    voxels[link.z].y = pixel.y;
    voxels[link.z].z = pixel.z;
    voxels[link.z].ray = ray_code(pixel.xyz);
  }
  if link.y == i {
    link.w += first_row;
    rows[link.w].superpixel = u32(pixel.w);
    atomicStore(&rows[link.w].pixels, 0u);
    atomicStore(&rows[link.w].first, 0u);
  }
  links[i] = link;
}

/// A thread a pixel, once all are claimed: counts it in its row.
@compute @workgroup_size(GROUP)
fn number(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32) {
  let i = group_index(group, groups) * GROUP + lane;
  if i >= frame.width * frame.height || pixels[i].w < 0 { return; }
  let link = links[i];
  let row = links[link.y].w;
  if link.y == i { rows[row].voxel = links[link.x].z; }
  atomicAdd(&rows[row].pixels, 1u);
  atomicMax(&rows[row].first, ~i);
  pixels[i].w = i32(row);
}
