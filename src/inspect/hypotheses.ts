import type { Correction } from '../sources/correction.js';

/** Stored depth units a metre that are common: whoever takes one for another is wrong by their ratio. */
const SCALES = [1000, 4000, 5000, 6553.5];

/** By what depth may be wrong, the nearest to 1 first. */
const FACTORS = [...new Set(SCALES.flatMap((one) => SCALES.map((other) => one / other)))].sort(
  (a, b) => Math.abs(Math.log(a)) - Math.abs(Math.log(b)),
);

/**
 * Every way that a recording may be meant, as read first. All combinations are tried, as mistakes come together and
 * setting one right may not help while another stands.
 */
export const HYPOTHESES: readonly Correction[] = FACTORS.flatMap((depthFactor) =>
  (['z', 'ray'] as const).flatMap((depth) =>
    (['opencv', 'opengl'] as const).flatMap((axes) =>
      (['camera-to-world', 'world-to-camera'] as const).map((poses) => ({ poses, axes, depthFactor, depth })),
    ),
  ),
);
