import { halfValues, type ProbabilityMap, UNIT_HALVES } from '../model/probability-map.js';
import { MIN_P } from '../store/fixed-point.js';

/**
 * How uncertain the network is of a pixel, higher where it is less sure. Takes a map, then a pixel's index in it, row by
 * row: a frame's look-up tables are fetched once, and asking for a pixel allocates nothing.
 */
export type PixelUncertainty = (map: ProbabilityMap) => (pixel: number) => number;

let entropyTerms: Float64Array | undefined;

/** −P log P of every half in [0, 1], nats, indexed by its bits; P clamped to `MIN_P` inside the logarithm. */
function halfEntropies(): Float64Array {
  if (entropyTerms === undefined) {
    const values = halfValues();
    entropyTerms = new Float64Array(UNIT_HALVES);
    for (let bits = 0; bits < UNIT_HALVES; bits++)
      entropyTerms[bits] = -values[bits] * Math.log(Math.max(values[bits], MIN_P));
  }
  return entropyTerms;
}

/** Entropy −Σ_c P(c) log P(c), in nats, from 0 to log C. */
export const entropyOf: PixelUncertainty = ({ classes, data }) => {
  const terms = halfEntropies();
  return (pixel) => {
    let sum = 0;
    for (let i = pixel * classes, end = i + classes; i < end; i++) sum += terms[data[i]];
    return sum;
  };
};

/** Minus the margin P(first) − P(second) between the two most probable classes: from −1 to 0. */
export const closenessOf: PixelUncertainty = ({ classes, data }) => {
  const values = halfValues();
  return (pixel) => {
    // Halves in [0, 1] are ordered as their bits are.
    let first = 0;
    let second = 0;
    for (let i = pixel * classes, end = i + classes; i < end; i++) {
      const half = data[i];
      if (half > first) {
        second = first;
        first = half;
      } else if (half > second) second = half;
    }
    return values[second] - values[first];
  };
};

/** Minus the probability of the most probable class: from −1 to −1 / C. */
export const doubtOf: PixelUncertainty = ({ classes, data }) => {
  const values = halfValues();
  return (pixel) => {
    let first = 0;
    for (let i = pixel * classes, end = i + classes; i < end; i++) if (data[i] > first) first = data[i];
    return -values[first];
  };
};
