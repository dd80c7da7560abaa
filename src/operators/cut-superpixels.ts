import { map, type OperatorFunction } from 'rxjs';
import type { Frame } from '../frame.js';
import { seeds } from '../superpixels/seeds.js';
import type { Superpixels } from '../superpixels/superpixels.js';

/** Cuts each frame into about `count` superpixels (SEEDS), synchronously. */
export function cutSuperpixels(count?: number): OperatorFunction<Frame, Superpixels> {
  return map((frame) => seeds(frame.colour, frame, count === undefined ? {} : { count }));
}
