import { BadFrameError } from '../errors.js';

/** How far a quaternion's length may be from 1: loose enough for four printed digits. */
const LENGTH_TOLERANCE = 1e-2;

/**
 * The 4×4 row-major matrix of a position and a unit quaternion.
 * @param values x, y, z in metres, then qx, qy, qz, qw
 * @param file for the message
 * @throws BadFrameError where they are not finite, or the quaternion is not of length 1
 */
export function quaternionPose(values: ArrayLike<number>, file: string): Float64Array {
  const [tx, ty, tz, qx, qy, qz, qw] = Array.from(values) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const length = Math.hypot(qx, qy, qz, qw);
  if (!Number.isFinite(tx + ty + tz + length)) throw new BadFrameError(file, 'a pose that is not finite');
  if (Math.abs(length - 1) > LENGTH_TOLERANCE) {
    throw new BadFrameError(file, `a quaternion of length ${length.toPrecision(3)}, expected 1`);
  }
  const [x, y, z, w] = [qx / length, qy / length, qz / length, qw / length];
  return Float64Array.of(
    ...[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), tx],
    ...[2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), ty],
    ...[2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), tz],
    ...[0, 0, 0, 1],
  );
}
