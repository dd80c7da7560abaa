import { totalmem } from 'node:os';
import { superpixelEffort } from '../labels/effort.js';
import type { BudgetMeter } from '../selection/budget.js';
import { PriorityQueue } from '../selection/priority-queue.js';
import type { Incidences } from '../store/incidences.js';
import type { FrameId } from '../tables/frame-tables.js';
import { FrameCache } from './frame-cache.js';
import { type LivePick, LiveScene, type RestingScene, type SuperpixelName } from './live-scene.js';
import { OneAtATime } from './one-at-a-time.js';

/** Bytes of scenes in memory together, half of what there is: a frame of 320×240 that shows surfaces anew adds 1 to 2 MB. */
const MOST_BYTES = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / 2;

/** A scene that no frame came to for a while: on disk, with what decides whether it is asked. */
interface Resting {
  readonly scene: RestingScene;
  readonly nextEntropy: number | undefined;
  readonly candidates: number;
}

/** What is known of a scene without waking it. */
export interface SceneSummary {
  readonly scene: string;
  readonly frames: number;
  /** Superpixels that may be asked for. */
  readonly candidates: number;
  /** The frame that came last. */
  readonly newest: string | undefined;
  readonly isAwake: boolean;
}

/**
 * All scenes that frames come to, each with a store of its own. Those that no frame came to for longest are laid to rest on disk
 * when they take too much memory, and woken when a frame comes or when they have the next pick.
 */
export class LiveScenes {
  /** In the order of the last frame. */
  readonly #awake = new Map<string, LiveScene>();
  readonly #resting = new Map<string, Resting>();
  readonly #read: (frame: FrameId) => Promise<Incidences>;
  readonly #cache: FrameCache;
  readonly #most: number;
  readonly #calls = new OneAtATime();

  /**
   * @param read reads the incidences of a frame that was added
   * @param most bytes of scenes in memory; the scene in use stays whatever its size
   */
  constructor(read: (frame: FrameId) => Promise<Incidences>, most = MOST_BYTES, cache = new FrameCache()) {
    this.#read = read;
    this.#most = most;
    this.#cache = cache;
  }

  /** Names of all scenes, sorted. */
  get names(): readonly string[] {
    return [...this.#awake.keys(), ...this.#resting.keys()].sort();
  }

  /** All scenes, the one that a frame came to last first. */
  summaries(): readonly SceneSummary[] {
    const resting = Array.from(
      this.#resting,
      ([
        scene,
        {
          scene: { frames },
          candidates,
        },
      ]) => ({
        ...{ scene, candidates, frames: frames.length, newest: frames.at(-1)?.id, isAwake: false },
      }),
    );
    const awake = Array.from(this.#awake, ([scene, { frames, candidates, newest }]) => ({
      ...{ scene, candidates, frames, newest, isAwake: true },
    }));
    return [...resting, ...awake].reverse();
  }

  /** Looks at a scene, which is woken if it is at rest; undefined where there is none of the name. */
  look<T>(name: string, at: (scene: LiveScene) => T): Promise<T | undefined> {
    return this.#calls.run(async () => {
      if (!this.#awake.has(name) && !this.#resting.has(name)) return undefined;
      const found = at(await this.#scene(name));
      await this.#makeRoom();
      return found;
    });
  }

  /** Scenes in memory. */
  get awake(): ReadonlyMap<string, LiveScene> {
    return this.#awake;
  }

  /**
   * Adds a frame to its scene; see `LiveScene.add`.
   * @throws BadFrameError as the scene's store
   */
  add(frame: FrameId, incidences: Incidences, model: string): Promise<void> {
    return this.#calls.run(async () => {
      const scene = await this.#scene(frame.scene);
      // The scene that a frame came to last is the last to be laid to rest.
      this.#awake.delete(frame.scene);
      this.#awake.set(frame.scene, scene);
      await scene.add(frame.id, incidences, model);
      await this.#makeRoom();
    });
  }

  /** See `LiveScene.replace`. */
  replace(frame: FrameId, incidences: Incidences, model: string, keep: () => Promise<void>): Promise<void> {
    return this.#calls.run(async () => {
      await (await this.#scene(frame.scene)).replace(frame.id, incidences, model, keep);
    });
  }

  /** See `LiveScene.markDone`; superpixels of frames that have not come yet are passed over. */
  markDone(scene: string, superpixels: readonly SuperpixelName[]): Promise<void> {
    return this.#calls.run(async () => {
      if (!this.#awake.has(scene) && !this.#resting.has(scene)) return;
      await (await this.#scene(scene)).markDone(superpixels);
    });
  }

  expire(scene: string, frames: readonly string[]): Promise<void> {
    return this.#calls.run(async () => {
      await (await this.#scene(scene)).expire(frames);
    });
  }

  /** Has so many picks of each scene in memory ready: what there is to do before a window ends. */
  prepare(picks: number): Promise<void> {
    return this.#calls.run(async () => {
      for (const scene of this.#awake.values()) await scene.prepare(picks);
    });
  }

  /**
   * Picks superpixels over all scenes, best first, until the budget is spent or nothing is left; each leaves the queue with its
   * surface. Scenes share no surface, so their sequences are merged by trigger entropy; among equals the first by name
   * goes first.
   */
  pick(meter: BudgetMeter): Promise<LivePick[]> {
    return this.#calls.run(async () => {
      const { names } = this;
      const heads = new PriorityQueue();
      const peek = async (i: number) => {
        const awake = this.#awake.get(names[i]);
        const entropy = awake ? await awake.nextEntropy() : this.#resting.get(names[i])?.nextEntropy;
        if (entropy === undefined) heads.delete(i);
        else heads.set(i, entropy);
      };
      for (let i = 0; i < names.length; i++) await peek(i);
      const picks: LivePick[] = [];
      for (let i = heads.peek(); i !== undefined && !meter.spent; i = heads.peek()) {
        const pick = await (await this.#scene(names[i])).next();
        if (pick !== undefined) {
          picks.push(pick);
          meter.add({ pixels: pick.pixels, ...superpixelEffort() });
        }
        await peek(i);
      }
      await this.#makeRoom();
      return picks;
    });
  }

  /** The scene, woken or new where it is not in memory. */
  async #scene(name: string): Promise<LiveScene> {
    const awake = this.#awake.get(name);
    if (awake !== undefined) return awake;
    const read = (id: string) => this.#read({ scene: name, id });
    const resting = this.#resting.get(name);
    const scene =
      resting === undefined
        ? new LiveScene(name, read, this.#cache)
        : await LiveScene.wake(name, resting.scene, read, this.#cache);
    this.#resting.delete(name);
    this.#awake.set(name, scene);
    return scene;
  }

  async #makeRoom(): Promise<void> {
    let bytes = 0;
    for (const scene of this.#awake.values()) bytes += scene.bytes;
    for (const [name, scene] of this.#awake) {
      if (bytes <= this.#most || this.#awake.size === 1) return;
      const { candidates } = scene;
      bytes -= scene.bytes;
      this.#resting.set(name, {
        ...{ nextEntropy: await scene.nextEntropy(), scene: await scene.rest(), candidates },
      });
      this.#awake.delete(name);
    }
  }
}
