import type { Size } from '../frame.js';

/**
 * Class probabilities of a frame's pixels: the mean over D dropout draws (paper, Eq. 1).
 *
 * They are kept in half precision, the stored form, so that whatever is computed from a map in memory is
 * computed from a stored map too, bit for bit. A half bears 11 significant bits down to 6e-5 and steps of 6e-8
 * below: finer than 20 draws of dropout can tell.
 */
export interface ProbabilityMap extends Size {
  readonly classes: number;
  /** H×W×C, pixel-major, bits of IEEE 754 binary16 numbers in [0, 1]. */
  readonly data: Uint16Array;
}

/** A probability map that never left the GPU. */
export interface GpuProbabilityMap extends Size {
  readonly classes: number;
  /**
   * H×W×C, pixel-major, f32, as `GpuBinner.bin` takes it; usage STORAGE and COPY_SRC. Holds the map for whatever is
   * submitted from now on; whether its making failed, the next reading of the GPU tells. It belongs to the
   * segmenter.
   */
  readonly buffer: GPUBuffer;
  /** Copies the map to the CPU, before it is released. @throws GpuError where its making failed */
  read(): Promise<ProbabilityMap>;
  /** Gives the buffer back, once, when all that reads it has been submitted. Later frames wait for their turn until then. */
  release(): void;
}

/** The number of halves in [0, 1]: bits 0x0000 to 0x3c00 (1.0) inclusive. Tables over them have this length. */
export const UNIT_HALVES = 0x3c01;

const SMALLEST_NORMAL = 2 ** -14;

/**
 * Rounds probabilities to halves, to nearest, ties to even.
 * @param values each in [0, 1]; one above by rounding error counts as 1
 */
export function toHalves(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) {
    const value = values[i];
    if (value >= 1) halves[i] = 0x3c00;
    else if (value >= SMALLEST_NORMAL) {
      const b = bits[i];
      // 0xfff plus the kept part's last bit rounds to nearest even; 112 rebases the exponent from 127 to 15.
      halves[i] = ((b + 0xfff + ((b >>> 13) & 1)) >>> 13) - (112 << 10);
    } else halves[i] = roundHalfEven(value * 2 ** 24);
  }
  return halves;
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

let unitHalves: Float32Array | undefined;

/** The value of every half in [0, 1], indexed by its bits. Shared: do not write to it. */
export function halfValues(): Float32Array {
  if (unitHalves === undefined) {
    unitHalves = new Float32Array(UNIT_HALVES);
    for (let bits = 0; bits < UNIT_HALVES; bits++) {
      const exponent = bits >>> 10;
      const mantissa = bits & 0x3ff;
      unitHalves[bits] = exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15);
    }
  }
  return unitHalves;
}

/** The most probable class of each pixel, the first of equals. Halves in [0, 1] are ordered as their bits are. */
export function mostProbable({ classes, data }: ProbabilityMap): Uint8Array {
  const labels = new Uint8Array(data.length / classes);
  for (let i = 0, at = 0; i < labels.length; i++, at += classes) {
    let best = 0;
    for (let c = 1; c < classes; c++) if (data[at + c] > data[at + best]) best = c;
    labels[i] = best;
  }
  return labels;
}
