// What is done, for kernels of the store.

struct Operation {
  /// Number of this operation; records keep that of the last one that changed them.
  revision: u32,
  /// 1 adds, 0xffffffff (-1) subtracts.
  sign: u32,
  /// Records that there is room for.
  capacity: u32,
  /// The most pixels that a voxel's sums can bear.
  max_pixels: u32,
  /// `compare`: voxels changed by a later operation than this count as changed.
  since: u32,
}

@group(0) @binding(0) var<uniform> operation: Operation;
