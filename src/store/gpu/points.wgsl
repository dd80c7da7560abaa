// The store's records, one a voxel, by dense id: x, y, z, revision, pixels, frames, sum P (C), sum -log P (C).
//
// A storage binding is bounded, so records lie in up to four pages of 2^PAGE_BITS of them. Pages not allocated yet
// are bound to a dummy, which no id leads to.

override PAGE_BITS: u32;

/// x of a record that lost its voxel, which is beyond the grid.
const DEAD = 0x7fffffffu;
const REVISION = 3u;
const PIXELS = 4u;
const FRAMES = 5u;
const SUMS = 6u;

@group(0) @binding(4) var<storage, read_write> page0: array<u32>;
@group(0) @binding(5) var<storage, read_write> page1: array<u32>;
@group(0) @binding(6) var<storage, read_write> page2: array<u32>;
@group(0) @binding(7) var<storage, read_write> page3: array<u32>;

fn load(id: u32, word: u32) -> u32 {
  let at = (id & ((1u << PAGE_BITS) - 1u)) * (SUMS + 2u * CLASSES) + word;
  switch id >> PAGE_BITS {
    case 0u: { return page0[at]; }
    case 1u: { return page1[at]; }
    case 2u: { return page2[at]; }
    default: { return page3[at]; }
  }
}

fn store(id: u32, word: u32, value: u32) {
  let at = (id & ((1u << PAGE_BITS) - 1u)) * (SUMS + 2u * CLASSES) + word;
  switch id >> PAGE_BITS {
    case 0u: { page0[at] = value; }
    case 1u: { page1[at] = value; }
    case 2u: { page2[at] = value; }
    default: { page3[at] = value; }
  }
}
