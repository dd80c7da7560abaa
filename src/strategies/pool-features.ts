import { map, type Observable, toArray } from 'rxjs';
import { frameName } from '../frame.js';
import type { FrameFeatures, Pool } from './strategy.js';

/** Features of all frames in the order of `Pool.frames`, one array, when the last has come. */
export function poolFeatures(pool: Pool): Observable<FrameFeatures[]> {
  const order = new Map(pool.frames.map((frame, i) => [frameName(frame), i]));
  const place = ({ frame }: FrameFeatures) => order.get(frameName(frame))!;
  return pool.features().pipe(
    toArray(),
    map((all) => all.sort((a, b) => place(a) - place(b))),
  );
}
