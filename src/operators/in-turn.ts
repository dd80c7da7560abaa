import { concatMap, finalize, type OperatorFunction, pipe } from 'rxjs';

/**
 * Lets items that are on their way at once take one step in the order in which they set out: an item that comes to it
 * early waits until all before it have taken it or ended. For use within `pull`, one `inTurn` an item, called in order.
 *
 * Waiting is bounded by what is in flight, since those before an item are always on their way too.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  inTurn<A, B>(step: OperatorFunction<A, B>): OperatorFunction<A, B> {
    const before = this.#last;
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#last = before.then(() => ended);
    return pipe(
      concatMap((item: A) => before.then(() => item)),
      step,
      finalize(() => end()),
    );
  }
}
