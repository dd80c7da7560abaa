// Back-projection of a frame's pixels to voxels, in integers: the same voxels on every GPU, however it rounds floats,
// and 10 km from the origin as near to it.
//
// Along each axis a pixel lies at depth * (across[u] + down[v]) + camera voxels. The CPU computes the three in double
// precision; slopes come as 64-bit integers of 2^-44 voxels a metre, the camera as one of 2^-32 voxels, and the product
// with the 24 bits of a depth is exact to 2^-32 voxels. Needs layout, wide.

/// Coordinates stay below this in magnitude (footprint.ts).
const MAX_COORDINATE = 1073741824i;

struct Counts {
  rows: atomic<u32>,
  voxels: atomic<u32>,
  beyond: atomic<u32>,
  crowded: atomic<u32>,
}

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read_write> counts: Counts;
/// Metres, bits of f32; 0 or below and NaN: no depth.
@group(0) @binding(2) var<storage, read> depth: array<u32>;
/// Superpixel of each pixel, 16 bits each.
@group(0) @binding(3) var<storage, read> superpixels: array<u32>;
/// 3 slopes (low, high) for each column, then for each row.
@group(0) @binding(4) var<storage, read> slopes: array<vec2u>;
/// Pixel by pixel: voxel, and superpixel or -1 without depth.
@group(0) @binding(5) var<storage, read_write> pixels: array<vec4i>;
@group(0) @binding(6) var<storage, read_write> superpixel_pixels: array<atomic<u32>>;

/// The voxel's coordinate, MAX_COORDINATE where it is beyond the grid.
/// `mantissa` * 2^(44 - 32 - shift) is the depth in metres.
fn coordinate(slope: vec2u, camera: vec2u, mantissa: u32, shift: u32) -> i32 {
  let negative = is_negative64(slope);
  var size = slope;
  if negative { size = negate64(slope); }
  let low = multiply(size.x, mantissa);
  let high = multiply(size.y, mantissa);
  let middle = low.y + high.x;
  let top = high.y + select(0u, 1u, middle < low.y);
  var offset = vec2u(0u);
  if shift < 96u {
    // More than 2^30 voxels away: the bits above that, before the shift.
    let above = shift + 62u;
    if above < 96u && (top >> (above - 64u)) != 0u { return MAX_COORDINATE; }
    offset = shift_right(low.x, middle, top, shift);
  }
  if negative { offset = negate64(offset); }
  let place = bitcast<i32>(add64(offset, camera).y);
  return select(MAX_COORDINATE, place, place > -MAX_COORDINATE && place < MAX_COORDINATE);
}

/// A thread a pixel.
@compute @workgroup_size(GROUP)
fn project(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
           @builtin(local_invocation_index) lane: u32) {
  let i = group_index(group, groups) * GROUP + lane;
  if i >= frame.width * frame.height { return; }
  let superpixel = (superpixels[i / 2u] >> (16u * (i % 2u))) & 0xffffu;
  atomicAdd(&superpixel_pixels[superpixel], 1u);
  // As bits, positive floats are ordered as integers; infinity is 0x7f800000, and above are NaNs and negative numbers.
  let bits = depth[i];
  if bits == 0u || bits > 0x7f800000u {
    pixels[i] = vec4i(0, 0, 0, -1);
    return;
  }
  let exponent = bits >> 23u;
  var voxel = vec3i(MAX_COORDINATE);
  if exponent < 158u { // 2^31 m
    // mantissa * 2^(exponent - 150) metres; numbers below the normal ones have exponent 1 and no leading bit.
    let mantissa = select(0x800000u, 0u, exponent == 0u) | (bits & 0x7fffffu);
    let shift = 12u + 150u - max(exponent, 1u);
    let u = 3u * (i % frame.width);
    let v = 3u * (frame.width + i / frame.width);
    voxel = vec3i(
      coordinate(add64(slopes[u], slopes[v]), frame.camera_x, mantissa, shift),
      coordinate(add64(slopes[u + 1u], slopes[v + 1u]), frame.camera_y, mantissa, shift),
      coordinate(add64(slopes[u + 2u], slopes[v + 2u]), frame.camera_z, mantissa, shift));
  }
  if any(voxel == vec3i(MAX_COORDINATE)) { atomicAdd(&counts.beyond, 1u); }
  pixels[i] = vec4i(voxel, i32(superpixel));
}
