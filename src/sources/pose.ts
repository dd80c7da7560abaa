import { BadFrameError } from '../errors.js';
import { parseNumbers } from './numbers.js';

/** How far a rotation may be from orthonormal, each entry of RᵀR − I: loose enough for poses printed to 3 digits. */
const ROTATION_TOLERANCE = 1e-2;

/**
 * Parses a camera-to-world pose: 16 numbers, a 4×4 matrix row by row, metres.
 * @throws BadFrameError where there are not 16 finite numbers or they are not a rigid motion
 */
export function parsePose(text: string, file: string): Float64Array {
  return requirePose(parseNumbers(text, file, 16, 'a 4×4 camera-to-world matrix'), file);
}

/**
 * @param pose 16 numbers, a 4×4 camera-to-world matrix row by row, metres
 * @throws BadFrameError where they are not all finite, or not a rigid motion
 */
export function requirePose(pose: Float64Array, file: string): Float64Array {
  if (!pose.every(Number.isFinite)) throw new BadFrameError(file, 'a number that is not finite');
  for (let column = 0; column < 4; column++) {
    if (Math.abs(pose[12 + column] - (column === 3 ? 1 : 0)) > 1e-6) {
      throw new BadFrameError(file, `last row ${pose.slice(12).join(' ')}, expected 0 0 0 1`);
    }
  }
  if (!isRotation(pose)) {
    throw new BadFrameError(file, 'no camera pose: its upper left 3×3 part is not a rotation');
  }
  return pose;
}

function isRotation(m: Float64Array): boolean {
  for (let i = 0; i < 3; i++) {
    for (let j = i; j < 3; j++) {
      const dot = m[i] * m[j] + m[4 + i] * m[4 + j] + m[8 + i] * m[8 + j];
      if (Math.abs(dot - (i === j ? 1 : 0)) > ROTATION_TOLERANCE) return false;
    }
  }
  // Orthonormal columns leave ±1 as the determinant; −1 is a mirror image.
  const determinant =
    m[0] * (m[5] * m[10] - m[6] * m[9]) -
    m[1] * (m[4] * m[10] - m[6] * m[8]) +
    m[2] * (m[4] * m[9] - m[5] * m[8]);
  return determinant > 0;
}
