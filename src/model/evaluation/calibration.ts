import { halfValues, UNIT_HALVES } from '../probability-map.js';

/** Bins of the top probability: as many as Guo et al. use. */
export const CALIBRATION_BINS = 15;

/** Probabilities below count as this inside a logarithm, as they do for the scores. */
const LEAST = 1e-8;

/** A bin of pixels by the probability of their most probable class. */
export interface ReliabilityBin {
  /** Top probabilities in (lower, upper]. */
  readonly lower: number;
  readonly upper: number;
  readonly pixels: number;
  /** Mean top probability; NaN without pixels. */
  readonly confidence: number;
  /** Share of the pixels whose most probable class is the true one; NaN without pixels. */
  readonly accuracy: number;
}

/**
 * Whether probabilities mean what they say: of pixels predicted at 70 %, are 70 % right?
 *
 * A map's probabilities are halves, of which [0, 1] holds 15 361. So pixels are counted by them, and every measure is a
 * sum over those counts: whole numbers, the same in any order of frames, and no logarithm a pixel.
 */
export class Calibration {
  /** Pixels by the top probability, among those predicted wrong and those predicted right. */
  private readonly wrong = new Float64Array(UNIT_HALVES);
  private readonly right = new Float64Array(UNIT_HALVES);
  /** Pixels by the probability of their true class. */
  private readonly ofTruth = new Float64Array(UNIT_HALVES);
  /** Probabilities of all classes of all pixels, for the sum of their squares. */
  private readonly ofAll = new Float64Array(UNIT_HALVES);

  /**
   * Adds a labelled pixel.
   *
   * @param data of a `ProbabilityMap`
   * @param at index of the pixel's first class
   * @param truth its true class, in 0..C−1
   * @param predicted its most probable class
   */
  add(data: Uint16Array, at: number, classes: number, truth: number, predicted: number): void {
    for (let c = at; c < at + classes; c++) this.ofAll[data[c]]++;
    this.ofTruth[data[at + truth]]++;
    (truth === predicted ? this.right : this.wrong)[data[at + predicted]]++;
  }

  /** Pixels added. */
  pixels(): number {
    return this.ofTruth.reduce((sum, count) => sum + count, 0);
  }

  /** `CALIBRATION_BINS` bins of equal width over (0, 1], ascending. */
  bins(): ReliabilityBin[] {
    const values = halfValues();
    const bins = Array.from({ length: CALIBRATION_BINS }, () => ({ pixels: 0, right: 0, sum: 0 }));
    for (let half = 0; half < UNIT_HALVES; half++) {
      const pixels = this.wrong[half] + this.right[half];
      if (pixels === 0) continue;
      const bin = bins[Math.max(0, Math.ceil(values[half] * CALIBRATION_BINS) - 1)];
      bin.pixels += pixels;
      bin.right += this.right[half];
      bin.sum += pixels * values[half];
    }
    return bins.map(({ pixels, right, sum }, i) => ({
      lower: i / CALIBRATION_BINS,
      upper: (i + 1) / CALIBRATION_BINS,
      pixels,
      confidence: sum / pixels,
      accuracy: right / pixels,
    }));
  }

  /**
   * Expected calibration error, in [0, 1]; NaN without pixels. The mean over pixels of their bin's distance between
   * confidence and accuracy: M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using
   * Bayesian binning", AAAI 2015; C. Guo et al., "On calibration of modern neural networks", ICML 2017, Eq. 3.
   */
  expectedCalibrationError(): number {
    const occupied = this.bins().filter(({ pixels }) => pixels > 0);
    const sum = occupied.reduce(
      (s, { pixels, confidence, accuracy }) => s + pixels * Math.abs(accuracy - confidence),
      0,
    );
    return sum / this.pixels();
  }

  /** Mean −log of the true class's probability, nats, each at most −log 1e-8; NaN without pixels. */
  negativeLogLikelihood(): number {
    const values = halfValues();
    const sum = this.ofTruth.reduce(
      (s, pixels, half) => s - pixels * Math.log(Math.max(values[half], LEAST)),
      0,
    );
    // −0 where every pixel is certain and right.
    return Math.abs(sum / this.pixels());
  }

  /**
   * Brier score, in [0, 2]; NaN without pixels. The mean over pixels of Σ_c (P(c) − [c is true])²: G. W. Brier,
   * "Verification of forecasts expressed in terms of probability", 1950.
   */
  brierScore(): number {
    const values = halfValues();
    // Σ_c (P(c) − [c is true])² = Σ_c P(c)² − 2 P(truth) + 1
    const squares = this.ofAll.reduce((s, count, half) => s + count * values[half] ** 2, 0);
    const truth = this.ofTruth.reduce((s, count, half) => s + count * values[half], 0);
    const pixels = this.pixels();
    return Math.max(0, squares - 2 * truth + pixels) / pixels;
  }
}
