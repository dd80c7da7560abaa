import { halfValues, UNIT_HALVES } from '../model/probability-map.js';

/**
 * Probabilities and their logarithms are summed as unsigned 32-bit integers, because integer addition commutes:
 * sums are the same bits whatever the order of frames, the batch size, the thread count or the machine, and
 * removing a frame is exact. WGSL has integer atomics only, so a GPU store gets the same for free.
 *
 * `MAX_PIXELS` is what one sum can bear: 180 000 pixels × 18.43 (−ln 1e-8) × 2¹⁰ = 3.4e9 < 2³² for logarithms,
 * × 2¹⁴ = 2.9e9 for probabilities, × ln 256 × 2¹² = 4.1e9 for Σ −P log P of up to 256 classes. At 2 cm and one
 * metre a frame of 320×240 puts some 33 pixels in a voxel, so a surface may be seen by 5 400 such frames.
 */
export const MAX_PIXELS = 180_000;
/** Units of `sumP` in one. */
export const P_SCALE = 2 ** 14;
/** Units of `sumNegLog` in one nat. */
export const LOG_SCALE = 2 ** 10;
/** Units of `sumEntropy` in one nat. */
export const ENTROPY_SCALE = 2 ** 12;
/** Probabilities are clamped to this inside logarithms. */
export const MIN_P = 1e-8;

/** Fixed-point terms of one probability, indexed by its half-precision bits. */
export interface FixedPointTerms {
  /** P × P_SCALE. */
  readonly p: Uint16Array;
  /** −log P × LOG_SCALE. */
  readonly negLog: Uint16Array;
  /** −P log P × ENTROPY_SCALE. */
  readonly entropy: Uint16Array;
}

let terms: FixedPointTerms | undefined;

/** The terms of every half in [0, 1]: three look-ups replace a logarithm and three roundings a class and pixel. */
export function fixedPointTerms(): FixedPointTerms {
  if (terms === undefined) {
    const values = halfValues();
    terms = {
      p: new Uint16Array(UNIT_HALVES),
      negLog: new Uint16Array(UNIT_HALVES),
      entropy: new Uint16Array(UNIT_HALVES),
    };
    for (let bits = 0; bits < UNIT_HALVES; bits++) {
      const p = values[bits];
      const negLog = -Math.log(Math.max(p, MIN_P));
      terms.p[bits] = Math.round(p * P_SCALE);
      terms.negLog[bits] = Math.round(negLog * LOG_SCALE);
      terms.entropy[bits] = Math.round(p * negLog * ENTROPY_SCALE);
    }
  }
  return terms;
}
