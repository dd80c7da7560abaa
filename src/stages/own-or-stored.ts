import { mergeMap, type OperatorFunction, of } from 'rxjs';
import type { Frame } from '../frame.js';
import { stored } from '../operators/stored.js';
import type { FrameTable } from '../tables/frame-tables.js';
import type { OwnFile } from './origins.js';

/** Where a frame's superpixels or probabilities come from. */
export interface Sources<T> {
  readonly table: FrameTable<T>;
  /** Key of the frame's entry in the table. */
  keyOf(frame: Frame): string;
  /** The user's own file for the frame, which goes before computing. */
  ownOf(frame: Frame): OwnFile | undefined;
  /** @throws BadFrameError where the user's file cannot be used */
  readOwn(file: OwnFile, frame: Frame): Promise<T>;
  readonly compute: OperatorFunction<Frame, T>;
}

/**
 * Takes what the user dropped into the table's own place, and leaves it as it is; otherwise the table's entry where it
 * is current; otherwise the user's file from elsewhere or a computed entry, which is then stored.
 */
export function ownOrStored<T>({
  table,
  keyOf,
  ownOf,
  readOwn,
  compute,
}: Sources<T>): OperatorFunction<Frame, T> {
  const readOrCompute = mergeMap((frame: Frame) => {
    const own = ownOf(frame);
    return own ? readOwn(own, frame) : of(frame).pipe(compute);
  });
  const kept = stored(table, keyOf, readOrCompute);
  return mergeMap((frame) => of(frame).pipe(ownOf(frame)?.dropped ? readOrCompute : kept));
}
