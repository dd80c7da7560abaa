import type { Intrinsics, Size } from '../frame.js';

const DEGREES = 180 / Math.PI;

/** Degrees: between a long lens and a fisheye, which a pinhole cannot describe. */
const FIELD_OF_VIEW = { least: 20, most: 130 };
/** How far the principal point may lie from the picture's centre, as a share of its side. */
const OFF_CENTRE = 0.15;
/** How far from square pixels may be. */
const NOT_SQUARE = 0.15;

/** Degrees, across and down. */
export function fieldOfView({ width, height }: Size, { fx, fy }: Intrinsics): Size {
  return {
    width: 2 * Math.atan(width / 2 / fx) * DEGREES,
    height: 2 * Math.atan(height / 2 / fy) * DEGREES,
  };
}

/**
 * Signs that intrinsics are not those of the picture, mostly that they are for another size of it.
 * @param size that of the picture, as the intrinsics have it
 * @param stored the picture's size in its file: what its pixels' shape and the user's intrinsics go by
 * @returns sentences without a full stop
 */
export function cameraFaults(size: Size, intrinsics: Intrinsics, stored: Size): string[] {
  const { fx, fy, cx, cy } = intrinsics;
  const across = stored.width / size.width;
  const down = stored.height / size.height;
  const name = `${stored.width}×${stored.height}`;
  const faults: string[] = [];
  const off = Math.max(Math.abs((cx + 0.5) / size.width - 0.5), Math.abs((cy + 0.5) / size.height - 0.5));
  if (off > OFF_CENTRE) {
    const [x, y] = [(cx + 0.5) * across, (cy + 0.5) * down];
    const fits = x > 0 && y > 0 ? `; they would fit pictures of about ${round(2 * x)}×${round(2 * y)}` : '';
    faults.push(
      `intrinsics do not fit the ${name} pictures: the principal point is at ${round(x)}, ${round(y)}, expected near ${round(stored.width / 2)}, ${round(stored.height / 2)}${fits}`,
    );
  }
  const view = fieldOfView(size, intrinsics);
  const { least, most } = FIELD_OF_VIEW;
  if (Math.min(view.width, view.height) < least || Math.max(view.width, view.height) > most)
    faults.push(
      `intrinsics do not fit the ${name} pictures: their field of view would be ${round(view.width)}° × ${round(view.height)}°, expected ${least}° to ${most}°`,
    );
  const square = (fx * across) / (fy * down);
  if (Math.abs(square - 1) > NOT_SQUARE)
    faults.push(
      `intrinsics do not fit the ${name} pictures: pixels would be ${square.toFixed(2)} times as high as wide, expected square ones`,
    );
  return faults;
}

const round = (value: number) => Math.round(value);
