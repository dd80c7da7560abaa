import {
  asyncScheduler,
  concatMap,
  connect,
  debounceTime,
  defer,
  filter,
  ignoreElements,
  merge,
  type Observable,
  of,
  type SchedulerLike,
  tap,
} from 'rxjs';
import { frameName } from '../src/frame.js';
import { Horizon, type HorizonLength } from '../src/live/horizon.js';
import { LiveScenes } from '../src/live/live-scenes.js';
import type { LiveSource } from '../src/live/live-source.js';
import { Turns } from '../src/operators/in-turn.js';
import { pull } from '../src/operators/pull.js';
import { skipBadFrames } from '../src/operators/skip-bad-frames.js';
import { type WindowLength, windowEnds } from '../src/operators/window-ends.js';
import { observeLive, storedIncidences } from '../src/stages/live-frames.js';
import { inFlight } from '../src/stages/observe.js';
import type { Run } from '../src/stages/run.js';
import type { ProbabilitySource } from '../src/stages/segmentation.js';
import { budgetMeter } from '../src/stages/select.js';
import { readWindows, writeWindow } from '../src/stages/windows.js';
import type { BinnedFrame } from '../src/tables/frame-tables.js';
import type { WindowRow } from '../src/tables/schemas.js';

export interface LiveOptions {
  /** When a window ends; its budget is the run's. */
  readonly window: WindowLength;
  /** How long a superpixel stays in the queue; for ever if not given. */
  readonly horizon?: HorizonLength;
  /** Tells the time. */
  readonly scheduler?: SchedulerLike;
}

/** What was picked at the end of a window, best first; never empty. */
export interface LiveWindow {
  /** From 1, through all runs in the folder. */
  readonly window: number;
  readonly rows: readonly WindowRow[];
}

/** After so long without a frame there is time to get picks ready, milliseconds; and so many a scene. */
const LULL = 50;
const READY = 10;

/**
 * Frames that come as a camera moves; at the end of each window the superpixels to label next:
 *
 *     source ─► read ─┬─► MC dropout ─┬─► bin ─► live scene (points, scores, queue) ─► picks of the window
 *                     └─► superpixels ┘          (one a scene)                ▲
 *                                                            window ends ────┘
 *
 * Everything on the way is stored as in a replay: a frame's tables are found again after a stop, and what was picked
 * is not asked for again.
 *
 * @param network gives the probability maps; the caller closes it and the source
 * @returns cold; completes when the source ends and the last window is picked
 */
export function live(
  run: Run,
  source: LiveSource,
  network: ProbabilitySource,
  { window, horizon, scheduler = asyncScheduler }: LiveOptions,
): Observable<LiveWindow> {
  return defer(async () => readWindows(run)).pipe(
    concatMap((earlier) => {
      const scenes = new LiveScenes((frame) => storedIncidences(run, frame));
      const age = horizon && new Horizon(horizon);
      const asked = askedBefore(earlier.rows);
      let number = earlier.last;

      const add = concatMap(async (frame: BinnedFrame) => {
        await scenes.add(frame, frame.incidences, network.key);
        const done = asked.get(frameName(frame));
        if (done !== undefined) await scenes.markDone(frame.scene, done);
        return frame;
      });
      const pick = async (): Promise<LiveWindow> => {
        for (const [scene, frames] of age?.takeExpired(scheduler.now()) ?? [])
          await scenes.expire(scene, frames);
        const picks = await scenes.pick(budgetMeter(run));
        if (picks.length === 0) return { window: number, rows: [] };
        number++;
        const rows = picks.map((row, i) => ({ window: number, rank: i + 1, ...row, model: network.key }));
        await writeWindow(run, number, rows);
        return { window: number, rows };
      };

      const turns = new Turns();
      const frames = pull(source.arrivals(), inFlight(run), (entry) =>
        of(entry).pipe(
          observeLive(run, network),
          // Among equals the frame that came first goes first, whichever was looked at first.
          turns.inTurn(add),
          tap((frame) => age?.add(frame, scheduler.now())),
          skipBadFrames((error) => run.monitor.warn(`skipped ${frameName(entry)}: ${error.message}`)),
        ),
      );
      return frames.pipe(
        connect((added) =>
          merge(
            added.pipe(
              debounceTime(LULL, scheduler),
              concatMap(() => scenes.prepare(READY)),
              ignoreElements(),
            ),
            added.pipe(
              windowEnds(window, scheduler),
              concatMap(pick),
              filter(({ rows }) => rows.length > 0),
            ),
          ),
        ),
      );
    }),
  );
}

/** What was picked by earlier runs in the folder, by frame. */
function askedBefore(rows: readonly WindowRow[]): Map<string, { frame: string; superpixel: number }[]> {
  const asked = new Map<string, { frame: string; superpixel: number }[]>();
  for (const { scene, frame, superpixel } of rows) {
    const name = frameName({ scene, id: frame });
    asked.set(name, [...(asked.get(name) ?? []), { frame, superpixel }]);
  }
  return asked;
}
