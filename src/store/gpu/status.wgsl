/// What came of an operation. Nothing is added where anything but `count` and `base` is not 0.
struct Status {
  /// Records in use.
  count: atomic<u32>,
  /// `count` when the operation began.
  base: u32,
  /// Voxels that found no slot.
  failed: atomic<u32>,
  /// Voxels that the store does not have.
  missing: atomic<u32>,
  /// Pixels of the fullest voxel that would overflow, plus 1.
  full: atomic<u32>,
  /// Voxels from which more would be taken than they hold.
  short: atomic<u32>,
  /// Copied from the batch's counts.
  beyond: u32,
  crowded: u32,
}

@group(0) @binding(3) var<storage, read_write> status: Status;
