// Views of a scene as they lie on the GPU, for all kernels of pairwise reprojection.

override CLASSES: u32;

const GROUP = 256u;
const NONE = 0xffffffffu;
/// Units of a probability in one: every half is a whole number of them.
const ONE_P = 16777216.0;
/// Units of a logarithm in a nat.
const LOG_SCALE = 16777216.0;

/// Views of one page that are reprojected at once, into which frame, and where that lies.
struct Batch {
  width: u32,
  height: u32,
  /// Words of a view: depth of each pixel, then class probabilities of each as halves, two in a word.
  view_words: u32,
  /// Number of the first view within its page, and how many.
  first: u32,
  views: u32,
  /// Index in `pairs` of the first view.
  pair: u32,
  /// First word of the frame's own view in its page, and its number within the batch or NONE.
  own_at: u32,
  own: u32,
}

@group(0) @binding(0) var<uniform> batch: Batch;

/// Number of a workgroup in a dispatch that had to be laid out in rows.
fn group_index(group: vec3u, groups: vec3u) -> u32 {
  return group.x + group.y * groups.x;
}

/// One of the two halves of a word, at most that of 1.
fn half_of(word: u32, element: u32) -> u32 {
  return min((word >> (16u * (element % 2u))) & 0xffffu, ONE);
}

/// Whether these bits are a depth that the CPU takes for valid: above 0, infinity too, but no NaN.
fn is_valid(depth: u32) -> bool {
  return depth != 0u && depth <= 0x7f800000u;
}

/// Value of a half in units, exactly.
fn units_of(half: u32) -> u32 {
  let exponent = half >> 10u;
  let mantissa = half & 0x3ffu;
  if exponent == 0u { return mantissa; }
  return (0x400u | mantissa) << (exponent - 1u);
}

/// Of two's complement.
fn to_f32(a: vec2u) -> f32 {
  if is_negative64(a) {
    let size = negate64(a);
    return -(f32(size.y) * 4294967296.0 + f32(size.x));
  }
  return f32(a.y) * 4294967296.0 + f32(a.x);
}
