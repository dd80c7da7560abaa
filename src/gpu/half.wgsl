// Probabilities in half precision.

const ONE = 0x3c00u;

/// Bits of the half nearest to a probability, ties to even, as toHalves of the CPU.
fn to_half(bits: u32) -> u32 {
  if bits > 0x7f800000u { return 0u; }
  if bits >= 0x3f800000u { return ONE; }
  if bits >= 0x38800000u { return ((bits + 0xfffu + ((bits >> 13u) & 1u)) >> 13u) - (112u << 10u); }
  return u32(round(bitcast<f32>(bits) * 16777216.0));
}
