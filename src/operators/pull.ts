import { from, Observable, type ObservableInput, type Subscription } from 'rxjs';

/**
 * Turns a pull source into a stream with a stated number of items in flight.
 *
 * RxJS pushes: `from(source).pipe(mergeMap(slow))` would read the source as fast as it can and buffer without
 * bound. This is `mergeMap` with a concurrency, but it asks the source for its next item only when fewer than `inFlight`
 * are on their way, an item having left when its own stream completes. So a source never runs further ahead, and a frame's buffers are free as soon
 * as the frame has left.
 *
 * Cold: each subscription iterates anew. Results come in order of completion, not of the source. The first error,
 * of the source or of an item, ends the stream; unsubscribing or an error ends the items in flight and returns the
 * iterator.
 *
 * @param source asked for one item at a time
 * @param inFlight at least 1
 * @param project the stream of an item; it may emit any number of results
 */
export function pull<A, B>(
  source: Iterable<A> | AsyncIterable<A>,
  inFlight: number,
  project: (item: A) => ObservableInput<B>,
): Observable<B> {
  return new Observable<B>((subscriber) => {
    const iterator =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    const items = new Set<Subscription>();
    let asking = false;
    let exhausted = false;

    const fail = (error: unknown) => subscriber.error(error);

    const start = (item: A) => {
      let done = false;
      let subscription: Subscription | undefined;
      const leave = () => {
        done = true;
        if (subscription) items.delete(subscription);
      };
      subscription = from(project(item)).subscribe({
        next: (result) => subscriber.next(result),
        error: fail,
        complete: () => {
          leave();
          // Through a microtask, so that an item that completes at once does not recurse.
          queueMicrotask(ask);
        },
      });
      if (done) return;
      items.add(subscription);
      // It may have emitted while being subscribed to, and the consumer may have left at that.
      if (subscriber.closed) subscription.unsubscribe();
    };

    const ask = async () => {
      if (asking || subscriber.closed) return;
      asking = true;
      try {
        while (!exhausted && items.size < inFlight && !subscriber.closed) {
          const next = await iterator.next();
          if (subscriber.closed) return;
          if (next.done) exhausted = true;
          else start(next.value);
        }
      } catch (error) {
        fail(error);
        return;
      } finally {
        asking = false;
      }
      if (exhausted && items.size === 0) subscriber.complete();
    };

    subscriber.add(() => {
      for (const item of items) item.unsubscribe();
      items.clear();
      if (!exhausted) void Promise.resolve(iterator.return?.()).catch(() => {});
    });
    void ask();
  });
}
