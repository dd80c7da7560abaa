// The voxels that a kernel works on, and how many there are. Needs layout.

/// Written by binning, or by the CPU with what it uploads.
struct Counts {
  rows: u32,
  voxels: u32,
  /// Pixels that lie beyond the voxel grid.
  beyond: u32,
  /// Pixels of a row that holds more than its sums can bear; 0 where none does.
  crowded: u32,
}

@group(0) @binding(1) var<storage, read> counts: Counts;
@group(0) @binding(2) var<storage, read_write> voxels: array<Voxel>;
