import { concatMap, lastValueFrom, type OperatorFunction, of } from 'rxjs';
import type { FrameTable } from '../tables/frame-tables.js';

/**
 * Takes each frame's entry from the table where it is current; otherwise computes it, stores it and passes it on.
 * This is what makes a killed run go on where it stopped and a changed option recompute only what it affects.
 *
 * @param keyOf digest of everything the entry is computed from
 * @param compute emits one result for each frame
 */
export function stored<A extends { scene: string; id: string }, B>(
  table: FrameTable<B>,
  keyOf: (frame: A) => string | Promise<string>,
  compute: OperatorFunction<A, B>,
): OperatorFunction<A, B> {
  return concatMap(async (frame) => {
    const key = await keyOf(frame);
    const known = await table.read(frame, key);
    if (known !== undefined) return known;
    const entry = await lastValueFrom(of(frame).pipe(compute));
    await table.write(frame, key, entry);
    return entry;
  });
}
