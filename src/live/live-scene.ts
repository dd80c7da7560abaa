import { EntropyIndex } from '../selection/entropy-index.js';
import { OverlapIndex } from '../selection/overlap-index.js';
import { PriorityQueue } from '../selection/priority-queue.js';
import { frameOf } from '../selection/superpixel-rows.js';
import { CpuPointStore, type IntegratedFrame } from '../store/cpu-point-store.js';
import type { Incidences } from '../store/incidences.js';
import type { SuperpixelScores } from '../store/point-store.js';
import type { PickRow } from '../tables/schemas.js';
import { FrameCache } from './frame-cache.js';
import { OneAtATime } from './one-at-a-time.js';

/** A superpixel of a scene, by the names that people and tables use. */
export interface SuperpixelName {
  readonly frame: string;
  readonly superpixel: number;
}

/** A frame of a live scene. */
interface SceneFrame {
  readonly id: string;
  /** Number of its first superpixel; a scene's superpixels are numbered in a row, as frames came. */
  readonly first: number;
  /** All pixels of each superpixel. */
  readonly pixels: Uint32Array;
  /** What made its probabilities. */
  readonly model: string;
}

/** A scene that is on disk alone. */
export interface RestingScene {
  /** In the order in which they came, with the superpixels that may be asked for. */
  readonly frames: readonly {
    readonly id: string;
    readonly model: string;
    readonly queued: readonly number[];
  }[];
  readonly done: readonly SuperpixelName[];
}

/** A pick, and what made the probabilities of its frame. */
export type LivePick = PickRow & { readonly model: string };

/** A pick to come, superpixels by number. */
interface PlannedPick {
  readonly superpixel: number;
  readonly trigger: number;
  /** View entropies of both, nats. */
  readonly entropy: number;
  readonly triggerEntropy: number;
  /** What leaves the queue with it, itself included. */
  readonly gone: readonly number[];
}

interface Plan {
  /** The queue as it will be after the picks. */
  readonly queue: PriorityQueue;
  readonly picks: PlannedPick[];
}

/** What is known of a superpixel at any time. */
export interface LiveEntropy extends SuperpixelName {
  readonly pixels: number;
  readonly scoredPixels: number;
  /** Nats; NaN without depth. */
  readonly viewEntropy: number;
  /** What made the frame's probabilities. */
  readonly model: string;
}

/**
 * A scene whose frames are still coming: its points, the scores of all its superpixels and the queue of those that may be
 * labelled, each of all frames whenever it is asked for. Points take a frame in as it comes; view entropies and the queue follow
 * when they are asked for, where frames touched the scene since; view divergence, which decides within a surface only, where a
 * pick depends on it.
 *
 * Calls are carried out one after another, in the order in which they are made.
 */
export class LiveScene {
  readonly #read: (frame: string) => Promise<Incidences>;
  readonly #cache: FrameCache;
  #store: CpuPointStore | undefined;
  #entropies!: EntropyIndex;
  #overlaps!: OverlapIndex;
  readonly #frames: SceneFrame[] = [];
  readonly #byId = new Map<string, SceneFrame>();
  /** Superpixels that may be asked for, by view entropy. */
  readonly #queue = new PriorityQueue();
  /** Superpixels that were asked for or labelled: what shows the same surface is done with, and not in the queue. */
  readonly #done = new Set<number>();
  /** By superpixel number: view divergence when it was computed last, NaN where it has to be computed anew. */
  #divergences = new Float32Array(1024).fill(Number.NaN);
  /** Superpixels from this number on came after the queue was brought up to date. */
  #unsettled = 0;
  /** What comes next as things stand; undefined where they have changed. */
  #plan: Plan | undefined;
  readonly #calls = new OneAtATime();

  /**
   * @param name of the scene
   * @param read reads the incidences of a frame that was added
   * @param cache may be shared by scenes
   */
  constructor(
    readonly name: string,
    read: (frame: string) => Promise<Incidences>,
    cache = new FrameCache(),
  ) {
    this.#read = read;
    this.#cache = cache;
  }

  get frames(): number {
    return this.#frames.length;
  }

  /** Of memory that it holds, without the cache. */
  get bytes(): number {
    return this.#store === undefined
      ? 0
      : this.#store.bytes + this.#entropies.bytes + this.#overlaps.bytes + this.#divergences.byteLength;
  }

  /** Classes that the network tells apart; undefined before the first frame. */
  get classes(): number | undefined {
    return this.#store?.classes;
  }

  /** The frame that came last; undefined where none did. */
  get newest(): string | undefined {
    return this.#frames.at(-1)?.id;
  }

  /** Superpixels that may be asked for. */
  get candidates(): number {
    this.#settle();
    return this.#queue.size;
  }

  has(frame: string): boolean {
    return this.#byId.has(frame);
  }

  /**
   * Adds a frame; one that is there already changes nothing.
   * @param model what made its probabilities
   * @throws BadFrameError, and changes nothing, as `PointStore.integrate`
   */
  add(frame: string, incidences: Incidences, model: string): Promise<void> {
    return this.#calls.run(async () => {
      if (this.#byId.has(frame)) return;
      this.#append(frame, incidences, model);
    });
  }

  /**
   * Puts a frame's probabilities in the place of those that another network made.
   * @param incidences of the same places
   * @param keep has `read` give these from now on; called before anyone else may ask
   * @throws BadFrameError, and changes nothing, as `PointStore.integrate`
   */
  replace(frame: string, incidences: Incidences, model: string, keep: () => Promise<void>): Promise<void> {
    return this.#calls.run(async () => {
      const known = this.#byId.get(frame);
      if (known === undefined) throw new Error(`${this.#keyOf(frame)} is not in the scene`);
      await this.#replace(known, incidences, model);
      await keep();
    });
  }

  /** Marks superpixels as asked for or labelled: neither they nor what shows the same surface is asked for again. */
  markDone(superpixels: Iterable<SuperpixelName>): Promise<void> {
    return this.#calls.run(async () => {
      for (const { frame, superpixel } of superpixels) {
        const known = this.#byId.get(frame);
        if (known === undefined || !(superpixel < known.pixels.length)) continue;
        this.#finish(known.first + superpixel);
      }
    });
  }

  /** Takes the superpixels of frames out of the queue: they are asked for no more, though their surfaces may be. */
  expire(frames: Iterable<string>): Promise<void> {
    return this.#calls.run(async () => {
      for (const id of frames) {
        const known = this.#byId.get(id);
        this.#plan = undefined;
        known?.pixels.forEach((_, r) => {
          this.#queue.delete(known.first + r);
        });
      }
    });
  }

  /** What it takes to have the scene again by `wake`, but for the incidences. */
  rest(): Promise<RestingScene> {
    return this.#calls.run(async () => {
      this.#settle();
      return {
        frames: this.#frames.map(({ id, model, first, pixels }) => ({
          id,
          model,
          queued: [...pixels.keys()].filter((r) => this.#queue.has(first + r)),
        })),
        done: [...this.#done].map((superpixel) => this.#nameOf(superpixel)),
      };
    });
  }

  /** The scene as it was when it was laid to rest. */
  static async wake(
    name: string,
    { frames, done }: RestingScene,
    read: (frame: string) => Promise<Incidences>,
    cache?: FrameCache,
  ): Promise<LiveScene> {
    const scene = new LiveScene(name, read, cache);
    for (const { id, model } of frames) await scene.add(id, await read(id), model);
    await scene.markDone(done);
    for (const { id, queued } of frames) {
      const { first, pixels } = scene.#byId.get(id)!;
      const kept = new Set(queued);
      for (const r of pixels.keys()) if (!kept.has(r)) scene.#queue.delete(first + r);
    }
    return scene;
  }

  /** View entropy of the next pick's trigger, nats; undefined where nothing is left. */
  nextEntropy(): Promise<number | undefined> {
    return this.#calls.run(async () => (await this.#planned(1))?.picks[0]?.triggerEntropy);
  }

  /**
   * The paper's next pick (§3.3), which leaves the queue with its surface; undefined where nothing is left. Reads the
   * incidences of frames that see the surface, where they are not in memory.
   */
  next(): Promise<LivePick | undefined> {
    return this.#calls.run(async () => {
      const pick = (await this.#planned(1)).picks.shift();
      if (pick === undefined) return undefined;
      for (const one of pick.gone) this.#queue.delete(one);
      this.#done.add(pick.superpixel);
      return this.#pickRow(pick);
    });
  }

  /** Has so many picks ready for `next`, as things stand: what there is to do before a window ends. */
  prepare(picks: number): Promise<void> {
    return this.#calls.run(async () => {
      await this.#planned(picks);
    });
  }

  /** Both scores of a frame's superpixels now, as a batch over the scene's frames would give them. */
  score(frame: string): Promise<SuperpixelScores> {
    return this.#calls.run(async () => {
      const known = this.#byId.get(frame);
      if (known === undefined) throw new Error(`${this.#keyOf(frame)} is not in the scene`);
      return this.#store!.score((await this.#integrated(known)).incidences);
    });
  }

  /** View entropies of a frame's superpixels now; undefined where it is not there. */
  entropies(frame: string): readonly LiveEntropy[] | undefined {
    const known = this.#byId.get(frame);
    if (known === undefined) return undefined;
    return Array.from(known.pixels, (_, superpixel) => this.#entropyOf(known, known.first + superpixel));
  }

  /** The superpixels that may be asked for with the highest view entropy now, so many, best first. */
  best(count: number): readonly LiveEntropy[] {
    this.#settle();
    const queue = this.#queue.clone();
    const best: LiveEntropy[] = [];
    for (let superpixel = queue.pop(); superpixel !== undefined; superpixel = queue.pop()) {
      if (best.length >= count) break;
      best.push(this.#entropyOf(frameOf(this.#frames, superpixel), superpixel));
    }
    return best;
  }

  /**
   * The scene's points, as many as asked for at most: voxels spread evenly over the order in which they were first seen.
   * @returns x, y, z (voxels, the middle of each) and view entropy (nats) of one point after another
   */
  points(most: number): Float32Array {
    if (this.#store === undefined) return new Float32Array(0);
    const { voxels } = this.#store;
    const count = Math.min(voxels.count, most);
    const points = new Float32Array(4 * count);
    for (let i = 0; i < count; i++) {
      const id = Math.floor((i * voxels.count) / count);
      for (const axis of [0, 1, 2] as const) points[4 * i + axis] = voxels.coordinate(id, axis) + 0.5;
      points[4 * i + 3] = this.#store.voxelEntropy(id);
    }
    return points;
  }

  /** Superpixels of other frames that show the same surface. */
  views({ frame, superpixel }: SuperpixelName): readonly SuperpixelName[] {
    const known = this.#byId.get(frame);
    return known === undefined
      ? []
      : this.#overlaps.overlapping(known.first + superpixel).map((n) => this.#nameOf(n));
  }

  #append(id: string, incidences: Incidences, model: string): void {
    if (this.#store === undefined) {
      this.#store = new CpuPointStore(incidences.classes);
      this.#entropies = new EntropyIndex(this.#store);
      this.#overlaps = new OverlapIndex(this.#entropies);
    }
    const ids = this.#store.integrateNow(incidences, this.#keyOf(id));
    this.#cache.put(this.#keyOf(id), { incidences, ids });
    const first = this.#overlaps.add(incidences, ids);
    this.#entropies.add(incidences, ids, first);
    const frame = { id, first, pixels: incidences.superpixelPixels, model };
    this.#frames.push(frame);
    this.#byId.set(id, frame);
    if (this.#divergences.length < this.#overlaps.superpixels) {
      const longer = new Float32Array(2 * this.#overlaps.superpixels);
      longer.set(this.#divergences);
      this.#divergences = longer;
    }
    // Whose surface is done with is taken out when the queue is brought up to date, which gives the others their entropies.
    for (let r = 0; r < incidences.superpixels; r++)
      if (this.#entropies.scoredPixels(first + r) > 0) this.#queue.set(first + r, 0);
    this.#plan = undefined;
  }

  async #replace(known: SceneFrame, incidences: Incidences, model: string): Promise<void> {
    const store = this.#store!;
    const { incidences: old } = await this.#integrated(known);
    await store.remove(old);
    let ids: Uint32Array;
    try {
      ids = store.integrateNow(incidences, this.#keyOf(known.id));
    } catch (error) {
      store.integrateNow(old, this.#keyOf(known.id));
      throw error;
    }
    this.#cache.put(this.#keyOf(known.id), { incidences, ids });
    this.#entropies.update(ids);
    this.#plan = undefined;
    const frame = { ...known, model };
    this.#frames[this.#frames.indexOf(known)] = frame;
    this.#byId.set(known.id, frame);
  }

  /** Brings the queue up to date with the frames that came since it was asked for last. */
  #settle(): void {
    if (this.#store === undefined) return;
    for (const superpixel of this.#entropies.takeChanged()) {
      this.#divergences[superpixel] = Number.NaN;
      if (this.#queue.has(superpixel)) this.#queue.set(superpixel, this.#entropies.viewEntropy(superpixel));
      // What is done with may have come into view again.
      if (this.#done.has(superpixel))
        for (const other of this.#overlaps.overlapping(superpixel, this.#unsettled))
          this.#queue.delete(other);
    }
    this.#unsettled = this.#overlaps.superpixels;
  }

  /** The picks to come, so many of them or all that are left. */
  async #planned(count: number): Promise<Plan> {
    this.#settle();
    this.#plan ??= { queue: this.#queue.clone(), picks: [] };
    const { queue, picks } = this.#plan;
    while (picks.length < count) {
      const trigger = queue.peek();
      if (trigger === undefined) break;
      const triggerEntropy = queue.key(trigger);
      const set = [trigger, ...this.#overlaps.overlapping(trigger).filter((other) => queue.has(other))];
      await this.#updateDivergences(set);
      let pick = trigger;
      for (const one of set) {
        const gain = this.#divergences[one] - this.#divergences[pick];
        if (gain > 0 || (gain === 0 && one < pick)) pick = one;
      }
      const entropy = queue.key(pick);
      const gone = [...set, ...this.#overlaps.overlapping(pick)].filter((one) => queue.delete(one));
      picks.push({ superpixel: pick, trigger, entropy, triggerEntropy, gone });
    }
    return this.#plan;
  }

  #finish(superpixel: number): void {
    this.#plan = undefined;
    this.#done.add(superpixel);
    this.#queue.delete(superpixel);
    for (const other of this.#overlaps.overlapping(superpixel)) this.#queue.delete(other);
  }

  /** Computes divergences that are not known, a frame at a time. */
  async #updateDivergences(superpixels: readonly number[]): Promise<void> {
    const asked = new Map<SceneFrame, number[]>();
    for (const superpixel of superpixels) {
      if (!Number.isNaN(this.#divergences[superpixel])) continue;
      const frame = frameOf(this.#frames, superpixel);
      const some = asked.get(frame) ?? [];
      some.push(superpixel - frame.first);
      asked.set(frame, some);
    }
    for (const [frame, ids] of asked) {
      const found = this.#store!.viewDivergences(await this.#integrated(frame), ids);
      for (const id of ids) this.#divergences[frame.first + id] = found[id];
    }
  }

  #integrated({ id }: SceneFrame): Promise<IntegratedFrame> {
    return this.#cache.get(this.#keyOf(id), this.#store!, () => this.#read(id));
  }

  #entropyOf({ id, first, pixels, model }: SceneFrame, superpixel: number): LiveEntropy {
    return {
      frame: id,
      superpixel: superpixel - first,
      pixels: pixels[superpixel - first],
      scoredPixels: this.#entropies.scoredPixels(superpixel),
      viewEntropy: this.#entropies.viewEntropy(superpixel),
      model,
    };
  }

  #keyOf(frame: string): string {
    return `${this.name}/${frame}`;
  }

  #nameOf(superpixel: number): SuperpixelName {
    const { id, first } = frameOf(this.#frames, superpixel);
    return { frame: id, superpixel: superpixel - first };
  }

  #pickRow({ superpixel, trigger, entropy, triggerEntropy, gone }: PlannedPick): LivePick {
    const [picked, triggered] = [this.#nameOf(superpixel), this.#nameOf(trigger)];
    return {
      scene: this.name,
      ...picked,
      pixels: this.#byId.get(picked.frame)!.pixels[picked.superpixel],
      view_entropy: entropy,
      view_divergence: this.#divergences[superpixel],
      trigger_frame: triggered.frame,
      trigger_superpixel: triggered.superpixel,
      trigger_entropy: triggerEntropy,
      overlap_set: gone.length,
      model: this.#byId.get(picked.frame)!.model,
    };
  }
}
