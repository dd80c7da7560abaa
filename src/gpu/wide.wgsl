// Numbers of 64 bits: low and high word.

fn add64(a: vec2u, b: vec2u) -> vec2u {
  let low = a.x + b.x;
  return vec2u(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn negate64(a: vec2u) -> vec2u {
  return vec2u(~a.x + 1u, ~a.y + select(0u, 1u, a.x == 0u));
}

fn is_negative64(a: vec2u) -> bool {
  return (a.y >> 31u) == 1u;
}

/// The product of two unsigned words.
fn multiply(a: u32, b: u32) -> vec2u {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle1 = (a >> 16u) * (b & 0xffffu);
  let middle2 = (a & 0xffffu) * (b >> 16u);
  var sum = vec2u(low, (a >> 16u) * (b >> 16u));
  sum = add64(sum, vec2u(middle1 << 16u, middle1 >> 16u));
  return add64(sum, vec2u(middle2 << 16u, middle2 >> 16u));
}

/// An unsigned number of 96 bits shifted right by 0 to 95; what is above 64 bits after that is lost.
fn shift_right(low: u32, middle: u32, high: u32, bits: u32) -> vec2u {
  let part = bits & 31u;
  var words = vec3u(low, middle, high);
  if bits >= 64u { words = vec3u(high, 0u, 0u); } else if bits >= 32u { words = vec3u(middle, high, 0u); }
  if part == 0u { return words.xy; }
  return vec2u((words.x >> part) | (words.y << (32u - part)), (words.y >> part) | (words.z << (32u - part)));
}
