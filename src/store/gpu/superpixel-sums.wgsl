// Sums of scores over superpixels. What is added stands in no particular order, so terms are 64-bit integers: the same
// bits every time. Needs wide.

/// Units of the summed scores in a nat, exact in f32.
const NAT = 16777216.0;

/// Superpixel by superpixel, 8 words: scored pixels, 0, and the low and high words of sum of entropies,
/// of divergences and of views.
@group(0) @binding(13) var<storage, read_write> scores: array<atomic<u32>>;

/// Adds a 64-bit number. Each addition to the low word that wraps is carried by the one thread that made it wrap,
/// which the old value tells, so both words are right once all threads are done, in whatever order.
fn atomic_add64(word: u32, number: vec2u) {
  let old = atomicAdd(&scores[word], number.x);
  let high = number.y + select(0u, 1u, old + number.x < old);
  if high != 0u { atomicAdd(&scores[word + 1u], high); }
}

/// Nats in units, two's complement.
fn fixed_point(nats: f32) -> vec2u {
  let size = abs(nats) * NAT;
  let high = u32(size / 4294967296.0);
  let number = vec2u(u32(size - f32(high) * 4294967296.0), high);
  if nats < 0.0 { return negate64(number); }
  return number;
}
