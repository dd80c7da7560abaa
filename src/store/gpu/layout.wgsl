// What all kernels share.

override CLASSES: u32;

const GROUP = 256u;
const NONE = 0xffffffffu;

/// One of a batch's distinct voxels. The first four are given; `locate`, `insert` and `neighbours` find the others.
struct Voxel {
  x: i32,
  y: i32,
  z: i32,
  /// Code of the neighbour one voxel further along the viewing ray (incidences.ts).
  ray: u32,
  /// Ids of the voxel itself and of those before and behind it, NONE where the store has none.
  id: u32,
  near: u32,
  far: u32,
  /// Which of the batch's own voxels those before and behind are, NONE where they are not among them.
  near_own: u32,
  far_own: u32,
  /// 1 where `compare` found it changed.
  changed: u32,
}

/// A frame's incidence.
struct Row {
  superpixel: u32,
  voxel: u32,
  pixels: u32,
  /// ~ of the first pixel in raster order.
  first: u32,
}

/// What back-projection needs beside depth.
struct Frame {
  width: u32,
  height: u32,
  /// Low and high word by axis.
  camera_x: vec2u,
  camera_y: vec2u,
  camera_z: vec2u,
}

fn hash_voxel(x: i32, y: i32, z: i32) -> u32 {
  var h = (bitcast<u32>(x) * 0x8da6b343u) ^ (bitcast<u32>(y) * 0xd8163841u) ^ (bitcast<u32>(z) * 0xcb1ab31fu);
  h = (h ^ (h >> 15u)) * 0x2c1b3c6du;
  return h ^ (h >> 13u);
}

/// Number of a workgroup in a dispatch that had to be laid out in rows.
fn group_index(group: vec3u, groups: vec3u) -> u32 {
  return group.x + group.y * groups.x;
}

/// Rows or voxels that a workgroup takes with a thread for each class.
fn class_items() -> u32 {
  return GROUP / CLASSES;
}
