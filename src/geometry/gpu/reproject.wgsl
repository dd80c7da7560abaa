// Which pixel of a frame each pixel of other views falls on, in integers: the same on every GPU, however it rounds floats.
//
// In homogeneous coordinates of the frame, (x, y) in pixels times z in metres, a pixel (u, v) of depth d lies at
//   d * (across * u + down * v + origin) + place,
// with coefficients that the CPU computes in double precision (reprojection.ts). Column k is the nearest where
// x / z >= k - 1/2 and x / z < k + 1/2, which a product decides exactly once division has guessed k. Needs half, wide,
// views.

/// From one view to the frame, by axis x, y, z.
struct Pair {
  /// Units of 2^-slope_bits a metre.
  across_x: vec2u, across_y: vec2u, across_z: vec2u,
  down_x: vec2u, down_y: vec2u, down_z: vec2u,
  origin_x: vec2u, origin_y: vec2u, origin_z: vec2u,
  /// Units of 2^-place_bits.
  place_x: vec2u, place_y: vec2u, place_z: vec2u,
  /// Largest difference of depths, in the same units.
  tolerance: vec2u,
  slope_bits: u32,
  place_bits: u32,
}

/// Exponent of the bits of 2^16 m. Depths from there on are not reprojected.
const TOO_DEEP = 143u;

@group(0) @binding(1) var<storage, read> pairs: array<Pair>;
/// Page of the batch's views, and that of the frame's own.
@group(0) @binding(2) var<storage, read> page: array<u32>;
@group(0) @binding(3) var<storage, read> own_page: array<u32>;
/// A list for each view of the batch and pixel of the frame, of the view's pixels that fall there: the last one's number
/// plus 1, and for each of the view's pixels that of the one before. 0 ends a list.
@group(0) @binding(4) var<storage, read_write> heads: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read_write> links: array<u32>;

/// The low 64 bits, which are right for two's complement too.
fn times(a: vec2u, b: u32) -> vec2u {
  let low = multiply(a.x, b);
  return vec2u(low.x, low.y + a.y * b);
}

fn subtract64(a: vec2u, b: vec2u) -> vec2u {
  return add64(a, negate64(b));
}

/// Significand of a float above 0, which it is times 2^(exponent - 150).
fn significand(bits: u32) -> u32 {
  return select(0x800000u, 0u, bits < 0x800000u) | (bits & 0x7fffffu);
}

fn exponent_of(bits: u32) -> u32 {
  return max(bits >> 23u, 1u);
}

/// Slope times depth plus place. `shift` makes the product's units those of `place`.
fn coordinate(across: vec2u, u: u32, down: vec2u, v: u32, origin: vec2u, depth: u32, shift: u32, place: vec2u) -> vec2u {
  let slope = add64(add64(times(across, u), times(down, v)), origin);
  let negative = is_negative64(slope);
  var size = slope;
  if negative { size = negate64(slope); }
  let low = multiply(size.x, depth);
  let high = multiply(size.y, depth);
  let middle = low.y + high.x;
  var offset = vec2u(0u);
  if shift < 96u { offset = shift_right(low.x, middle, high.y + select(0u, 1u, middle < low.y), shift); }
  if negative { offset = negate64(offset); }
  return add64(offset, place);
}

/// The whole number nearest to x / z, halves up, or -1 where it is not in 0 … size - 1. z is above 0.
fn nearest(x: vec2u, z: vec2u, size: u32) -> i32 {
  let ratio = to_f32(x) / to_f32(z);
  if !(ratio > -1.0 && ratio < f32(size)) { return -1; }
  // Off by one at most.
  var k = i32(floor(ratio + 0.5));
  var product = times(z, u32(abs(2 * k - 1)));
  if k <= 0 { product = negate64(product); }
  let rest = subtract64(add64(x, x), product);
  if is_negative64(rest) { k--; } else if !is_negative64(subtract64(rest, add64(z, z))) { k++; }
  return select(-1, k, k >= 0 && k < i32(size));
}

/// A depth below 2^16 m in units of `bits`, cut off.
fn fixed_depth(depth: u32, bits: u32) -> vec2u {
  // Never above 38.
  let shift = i32(exponent_of(depth)) - 150 + i32(bits);
  let number = significand(depth);
  if shift <= -32 { return vec2u(0u); }
  if shift < 0 { return vec2u(number >> u32(-shift), 0u); }
  if shift == 0 { return vec2u(number, 0u); }
  if shift < 32 { return vec2u(number << u32(shift), number >> u32(32 - shift)); }
  return vec2u(0u, number << u32(shift - 32));
}

fn link(view: u32, pixel: u32, to: u32) {
  let pixels = batch.width * batch.height;
  links[view * pixels + pixel] = atomicExchange(&heads[view * pixels + to], pixel + 1u);
}

/// A thread a view and pixel, a whole number of workgroups a view.
@compute @workgroup_size(GROUP)
fn reproject(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
             @builtin(local_invocation_index) lane: u32) {
  let pixels = batch.width * batch.height;
  let in_view = (pixels + GROUP - 1u) / GROUP;
  let view = group_index(group, groups) / in_view;
  let i = group_index(group, groups) % in_view * GROUP + lane;
  if view >= batch.views || i >= pixels { return; }
  let depth = page[(batch.first + view) * batch.view_words + i];
  if !is_valid(depth) { return; }
  if view == batch.own {
    link(view, i, i);
    return;
  }
  if (depth >> 23u) >= TOO_DEEP { return; }
  let pair = pairs[batch.pair + view];
  let u = i % batch.width;
  let v = i / batch.width;
  let number = significand(depth);
  let shift = pair.slope_bits - pair.place_bits + 150u - exponent_of(depth);
  let z = coordinate(pair.across_z, u, pair.down_z, v, pair.origin_z, number, shift, pair.place_z);
  if is_negative64(z) || (z.x | z.y) == 0u { return; }
  let x = coordinate(pair.across_x, u, pair.down_x, v, pair.origin_x, number, shift, pair.place_x);
  let column = nearest(x, z, batch.width);
  if column < 0 { return; }
  let y = coordinate(pair.across_y, u, pair.down_y, v, pair.origin_y, number, shift, pair.place_y);
  let row = nearest(y, z, batch.height);
  if row < 0 { return; }
  let to = u32(row) * batch.width + u32(column);
  let own = own_page[batch.own_at + to];
  if !is_valid(own) || (own >> 23u) >= TOO_DEEP { return; }
  var apart = subtract64(fixed_depth(own, pair.place_bits), z);
  if is_negative64(apart) { apart = negate64(apart); }
  if !is_negative64(subtract64(pair.tolerance, apart)) { link(view, i, to); }
}
