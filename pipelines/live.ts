import {
  asyncScheduler,
  concatMap,
  concatWith,
  connect,
  debounceTime,
  defer,
  EMPTY,
  exhaustMap,
  filter,
  finalize,
  ignoreElements,
  map,
  merge,
  type Observable,
  of,
  type SchedulerLike,
  startWith,
  switchMap,
  takeUntil,
  tap,
} from 'rxjs';
import { frameName } from '../src/frame.js';
import { Horizon, type HorizonLength } from '../src/live/horizon.js';
import type { LiveEvent, LiveFrame, LiveWindow } from '../src/live/live-event.js';
import type { SuperpixelName } from '../src/live/live-scene.js';
import { LiveScenes } from '../src/live/live-scenes.js';
import type { LiveSource } from '../src/live/live-source.js';
import { Turns } from '../src/operators/in-turn.js';
import { pull } from '../src/operators/pull.js';
import { skipBadFrames } from '../src/operators/skip-bad-frames.js';
import { type WindowLength, windowEnds } from '../src/operators/window-ends.js';
import type { FrameEntry } from '../src/sources/recording.js';
import { FrameThreads } from '../src/stages/frame-threads.js';
import { observeAnew, observeLive, storedIncidences } from '../src/stages/live/frames.js';
import { liveLabelTable, windowTable } from '../src/stages/live/tables.js';
import { inFlight } from '../src/stages/observe.js';
import type { Run } from '../src/stages/run.js';
import type { ProbabilitySource } from '../src/stages/segmentation.js';
import { budgetMeter } from '../src/stages/select.js';
import type { BinnedFrame } from '../src/tables/frame-tables.js';

export interface LiveOptions {
  /** When a window ends; its budget is the run's. */
  readonly window: WindowLength;
  /** How long a superpixel stays in the queue; for ever if not given. */
  readonly horizon?: HorizonLength;
  /** Tells the time. */
  readonly scheduler?: SchedulerLike;
}

/** What a live run is made from. */
export interface LiveInput {
  /** Frames as they come; the caller closes it. */
  readonly source: LiveSource;
  /** Gives the probability maps; the caller closes it. */
  readonly network: ProbabilitySource;
  /**
   * Networks to go on with. Frames that came before are looked at anew by the last of them, newest first, while others come.
   * The caller closes them.
   */
  readonly networks?: Observable<ProbabilitySource>;
  /** Superpixels that people label from now on, which are stored already: their surfaces are asked for no more. */
  readonly labels?: Observable<readonly SuperpixelOfScene[]>;
  /** A window ends whenever this emits, and what it emits is called with the window. */
  readonly asked?: Observable<(window: LiveWindow) => void>;
  /** Labels and networks are taken, and windows asked for, until this emits, should the frames be over before; until they are if not given. */
  readonly until?: Observable<unknown>;
  /** Kept current; empty at the beginning. Made here if not given. */
  readonly scenes?: LiveScenes;
}

/** A superpixel, by the names that tables use. */
export type SuperpixelOfScene = SuperpixelName & { readonly scene: string };

/** After so long without a frame there is time to get picks ready, milliseconds; and so many a scene. */
const LULL = 50;
const READY = 10;

/**
 * Frames that come as a camera moves; at the end of each window the superpixels to label next:
 *
 *     source ─► read ─┬─► MC dropout ─┬─► bin ─► live scene (points, scores, queue) ─► picks of the window
 *                     └─► superpixels ┘          (one a scene)       ▲        ▲
 *                                                         labels ────┘        └──── window ends
 *
 * Everything on the way is stored as in a replay: a frame's tables are found again after a stop, and what was picked
 * is not asked for again.
 *
 * @returns cold; completes when the source has ended, the last window is picked and `until` has emitted
 */
export function live(
  run: Run,
  {
    source,
    network: first,
    networks = EMPTY,
    labels = EMPTY,
    asked: askedFor = EMPTY,
    until = of('now'),
    scenes = liveScenes(run),
  }: LiveInput,
  { window, horizon, scheduler = asyncScheduler }: LiveOptions,
): Observable<LiveEvent> {
  const windows = windowTable(run);
  const earlier = async () => ({
    picked: await windows.readAll(),
    labelled: await liveLabelTable(run).readAll(),
  });
  return defer(earlier).pipe(
    concatMap(({ picked: pickedBefore, labelled }) => {
      const age = horizon && new Horizon(horizon);
      const asked: Asked = new Map();
      note(asked, pickedBefore.rows);
      note(asked, labelled.rows);
      let number = pickedBefore.last;
      let network = first;
      let picked: Promise<unknown> = Promise.resolve();
      /** Frames in the order in which they came, with the network that looked at them last. */
      const seen: { readonly entry: FrameEntry; model: string }[] = [];

      const isLabelled = (frame: BinnedFrame) =>
        [run.training, run.validation].some((names) => names.has(frameName(frame)));
      const skip = ({ scene, id }: FrameEntry) =>
        skipBadFrames<LiveFrame>((error) => run.monitor.warn(`skipped ${scene}/${id}: ${error.message}`));
      const turns = new Turns();
      const threads = new FrameThreads(run, inFlight(run));
      let inHand = 0;
      const frames = pull(source.arrivals(), inFlight(run), (entry) => {
        const by = network;
        inHand++;
        const add = concatMap(async (frame: BinnedFrame) => {
          await picked; // what comes after a window's end is not in it
          await scenes.add(frame, frame.incidences, by.key);
          await scenes.markDone(frame.scene, asked.get(frameName(frame)) ?? []);
          if (isLabelled(frame)) await scenes.expire(frame.scene, [frame.id]);
          seen.push({ entry, model: by.key });
          age?.add(frame, scheduler.now());
          return { type: 'frame', scene: frame.scene, id: frame.id, model: by.key } as const;
        });
        // Among equals the frame that came first goes first, whichever was looked at first.
        return of(entry).pipe(
          observeLive(run, by, threads),
          turns.inTurn(add),
          skip(entry),
          finalize(() => inHand--),
        );
      });

      /** Looks at frames anew that another network looked at, the newest first. */
      const renew = (by: ProbabilitySource) =>
        pull(
          repeated(() => seen.findLast(({ model }) => model !== by.key)),
          1,
          (frame) =>
            of(frame.entry).pipe(
              observeAnew(run, by, threads),
              concatMap(async (anew) => {
                await scenes.replace(anew, anew.incidences, by.key, () => anew.keep());
                return { type: 'frame', scene: anew.scene, id: anew.id, model: by.key } as const;
              }),
              skip(frame.entry),
              // One that cannot be looked at is not tried again.
              tap({
                complete: () => {
                  frame.model = by.key;
                },
              }),
            ),
        );

      const pickNow = async (): Promise<LiveWindow> => {
        for (const [scene, expired] of age?.takeExpired(scheduler.now()) ?? [])
          await scenes.expire(scene, expired);
        const picks = await scenes.pick(budgetMeter(run));
        if (picks.length === 0) return { type: 'window', window: number, rows: [] };
        number++;
        const rows = picks.map((row, i) => ({ window: number, rank: i + 1, ...row }));
        await windows.write(number, rows);
        return { type: 'window', window: number, rows };
      };
      const pick = () => {
        const now = pickNow();
        picked = now.catch(() => {});
        return now;
      };

      return frames.pipe(
        connect((come) => {
          const anew = networks.pipe(
            tap((next) => {
              network = next;
            }),
            // Frames that were on their way when it changed come later, and are looked at anew then.
            switchMap((by) =>
              come.pipe(
                startWith(undefined),
                exhaustMap(() => renew(by)),
              ),
            ),
          );
          const aside = merge(
            labels.pipe(
              concatMap(async (labelled) => {
                note(asked, labelled);
                for (const superpixel of labelled) await scenes.markDone(superpixel.scene, [superpixel]);
              }),
            ),
            come.pipe(
              debounceTime(LULL, scheduler),
              // The next frame undoes what was got ready for.
              filter(() => inHand === 0),
              concatMap(() => scenes.prepare(READY)),
            ),
          ).pipe(ignoreElements());
          const over = come.pipe(ignoreElements(), concatWith(until));
          const ends = merge(
            come.pipe(
              windowEnds(window, scheduler),
              map(() => () => {}),
            ),
            askedFor.pipe(takeUntil(over)),
          ).pipe(
            concatMap(async (answer) => {
              const picked = await pick();
              answer(picked);
              return picked;
            }),
            filter(({ rows }) => rows.length > 0),
          );
          return merge(merge(anew, aside).pipe(takeUntil(over)), come, ends);
        }),
        finalize(() => void threads.close()),
      );
    }),
  );
}

/** The scenes of a live run, whose frames are read from its tables. */
export function liveScenes(run: Run): LiveScenes {
  return new LiveScenes((frame) => storedIncidences(run, frame));
}

/** What `next` gives, until it gives nothing. */
function* repeated<T>(next: () => T | undefined): Generator<T> {
  for (let item = next(); item !== undefined; item = next()) yield item;
}

/** Superpixels that were picked by earlier runs in the folder or are labelled, by frame: frames may come after their labels. */
type Asked = Map<string, SuperpixelName[]>;

function note(asked: Asked, superpixels: readonly SuperpixelOfScene[]): void {
  for (const { scene, frame, superpixel } of superpixels) {
    const name = frameName({ scene, id: frame });
    asked.set(name, [...(asked.get(name) ?? []), { frame, superpixel }]);
  }
}
