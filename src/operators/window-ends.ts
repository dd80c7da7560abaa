import {
  asyncScheduler,
  connect,
  endWith,
  filter,
  groupBy,
  ignoreElements,
  interval,
  map,
  merge,
  mergeMap,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
  switchMap,
  takeUntil,
  timer,
} from 'rxjs';

/** When a window of a stream of frames ends. */
export type WindowLength =
  | { readonly by: 'time'; readonly milliseconds: number }
  | { readonly by: 'frames'; readonly frames: number }
  /** Whenever no frame of some scene has come for so long. */
  | { readonly by: 'scene'; readonly milliseconds: number };

/**
 * Emits at the end of each window, and once more when the source completes. A window without frames ends too where it goes
 * by time. Errors of the source pass; what is under way ends with the source and with the subscription.
 * @param scheduler tells the time
 */
export function windowEnds(
  length: WindowLength,
  scheduler: SchedulerLike = asyncScheduler,
): OperatorFunction<{ readonly scene: string }, 'end'> {
  return connect((frames) => {
    const completed = frames.pipe(ignoreElements(), endWith('end' as const));
    return merge(endsBefore(frames, length, scheduler).pipe(takeUntil(completed)), completed);
  });
}

function endsBefore(
  frames: Observable<{ readonly scene: string }>,
  length: WindowLength,
  scheduler: SchedulerLike,
): Observable<'end'> {
  const end = map(() => 'end' as const);
  switch (length.by) {
    case 'time':
      return interval(length.milliseconds, scheduler).pipe(end);
    case 'frames':
      return frames.pipe(
        filter((_, i) => (i + 1) % length.frames === 0),
        end,
      );
    case 'scene':
      return frames.pipe(
        groupBy(({ scene }) => scene),
        mergeMap((scene) => scene.pipe(switchMap(() => timer(length.milliseconds, scheduler)))),
        end,
      );
  }
}
