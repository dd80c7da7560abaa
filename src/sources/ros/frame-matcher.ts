import { UserError } from '../../errors.js';
import type { RosCamera, RosHeader, RosMessage, RosTransforms } from './messages.js';
import { chooseTopics, type FrameTopics, listOfTopics } from './topics.js';
import { type Transform, TransformTree } from './transforms.js';

export interface MatchOptions {
  /** What messages call the file or stream. */
  readonly name: string;
  /** Topics to take; those left out are chosen (see `chooseTopics`). */
  readonly topics?: Partial<FrameTopics>;
  /** The frame that poses are in; the root of the camera's transforms if undefined. */
  readonly world?: string;
  /** Longest time in seconds between depth and its colour. */
  readonly tolerance?: number;
  /** Longest time in seconds between two transforms for a pose between them to be taken. */
  readonly gap?: number;
  /** Depth images that may wait for colour, camera and transforms; twice as many of colour are kept for them. */
  readonly waiting?: number;
}

/** What a depth image is, or would be, the frame of. */
interface Timed {
  /** Its time stamp, `seconds.nanoseconds`. */
  readonly id: string;
  /** Seconds. */
  readonly time: number;
}

/** A depth image, the colour image with it, and the camera of both. @template I what stands for an image */
export interface MatchedFrame<I> extends Timed {
  readonly depth: I;
  readonly colour: I;
  /** Seconds by which the colour is later. */
  readonly colourDelay: number;
  readonly camera: RosCamera;
  /** 4×4 row-major, camera to world in metres, OpenCV axes. */
  readonly cameraToWorld: Float64Array;
}

/** A depth image that made no frame. */
export interface LostFrame extends Timed {
  readonly lacks: Lack;
}

/** What a depth image may lack: a colour image near it in time, camera information, transforms around its time. */
export type Lack = 'colour' | 'camera' | 'pose';

/** An image and when it was taken. */
interface Stamped<I> extends Timed {
  /** The coordinate frame that it is seen from. */
  readonly frame: string;
  readonly image: I;
}

/**
 * What is looked at before topics and the world's frame are chosen, in seconds of the recording, so that all publishers have
 * said something; and in bytes.
 */
const LOOK_AHEAD = 1;
const LOOK_AHEAD_BYTES = 2 ** 26;
/** A second at 30 images a second. */
const WAITING = 32;
/** Transforms are remembered for as long as images may wait, and a little longer: at 10 images a second, and at least 10 s. */
const SLOWEST = 10;

/**
 * Makes frames out of messages of ROS, as they were recorded.
 *
 * A frame is a depth image, the colour image nearest to it in time, the newest camera information, and where the
 * transforms put the depth's own frame at its time. Colour has to be registered to the depth, so both have to be in the same
 * coordinate frame unless the user named both topics. Depth is taken to be rectified: lens distortion is not undone.
 *
 * To choose topics a second is looked at in advance, 64 MB at most. Depth images that wait longer than they may are lost.
 */
export class FrameMatcher<I> {
  readonly #options: MatchOptions;
  readonly #seen: ReadonlyMap<string, string>;
  readonly #tolerance: number;
  readonly #waiting: number;
  readonly #transforms: TransformTree;
  #topics: FrameTopics | undefined;
  #world: string | undefined;
  #camera: RosCamera | undefined;
  #ahead: RosMessage<I>[] = [];
  #aheadBytes = 0;
  #depths: Stamped<I>[] = [];
  #colours: Stamped<I>[] = [];
  #given = 0;
  #unread = 0;
  readonly #lost: Record<Lack, number> = { colour: 0, camera: 0, pose: 0 };

  /** @param seen types by topic, as far as they have been met: read whenever messages come */
  constructor(seen: ReadonlyMap<string, string>, options: MatchOptions) {
    this.#options = options;
    this.#seen = seen;
    this.#tolerance = options.tolerance ?? 0.02;
    this.#waiting = options.waiting ?? WAITING;
    this.#transforms = new TransformTree(options.gap ?? 0.2, Math.max(10, this.#waiting / SLOWEST));
  }

  get lost(): Readonly<Record<Lack, number>> {
    return this.#lost;
  }

  /** Messages that did not fit their type. */
  get unread(): number {
    return this.#unread;
  }

  /** The topics that were chosen; undefined before. */
  get topics(): FrameTopics | undefined {
    return this.#topics;
  }

  /**
   * What the next message completes, in order of the depth images.
   * @throws UserError where it cannot tell which topics to take, or they cannot be read
   */
  *take(message: RosMessage<I>): Generator<MatchedFrame<I> | LostFrame> {
    if (this.#topics !== undefined) {
      this.#read(message);
      yield* this.#ready(false);
      return;
    }
    this.#ahead.push(message);
    this.#aheadBytes += message.size;
    if (this.#aheadBytes < LOOK_AHEAD_BYTES && !this.#hasSeenEnough()) return;
    this.#choose();
    yield* this.#replay();
  }

  /**
   * What is left when no more messages come; to be called once.
   * @throws UserError where topics could not be told, or there was no frame
   */
  *end(): Generator<MatchedFrame<I> | LostFrame> {
    if (this.#topics === undefined) {
      this.#choose();
      yield* this.#replay();
    }
    yield* this.#ready(true);
    if (this.#given === 0) throw new UserError(this.#whyNone());
  }

  /** Whether all that is needed has been said, and everybody had time to say it. */
  #hasSeenEnough(): boolean {
    // What moves and what does not may have been told long before.
    const first = this.#ahead.find(({ kind }) => kind === 'image' || kind === 'compressed');
    if (first === undefined || this.#ahead.at(-1)!.logTime - first.logTime < LOOK_AHEAD) return false;
    return typeof chooseTopics(this.#seen, this.#options.topics) !== 'string';
  }

  #choose(): void {
    const chosen = chooseTopics(this.#seen, this.#options.topics);
    if (typeof chosen === 'string') {
      const there = this.#seen.size === 0 ? 'It has no topics' : `Its topics: ${listOfTopics(this.#seen)}`;
      throw new UserError(
        `${this.#options.name}: ${chosen}. Expected one topic each of colour, depth and camera information, or to be told ` +
          `which to take, such as --topics colour=<topic>,depth=<topic>,info=<topic>. ${there}.`,
      );
    }
    this.#topics = chosen;
  }

  /** Takes what was looked at in advance: transforms first, which tell the frame of the world. */
  *#replay(): Generator<MatchedFrame<I> | LostFrame> {
    const ahead = this.#ahead;
    this.#ahead = [];
    for (const message of ahead) if (message.kind === 'transforms') this.#read(message);
    for (const message of ahead) {
      if (message.kind === 'transforms') continue;
      this.#read(message);
      yield* this.#ready(false);
    }
  }

  #read(message: RosMessage<I>): void {
    const { colour, depth, info } = this.#topics!;
    const { topic } = message;
    try {
      if (message.kind === 'transforms') this.#move(message.read(), topic.endsWith('tf_static'));
      else if (message.kind === 'camera') {
        if (topic === info) this.#camera = sameOrNew(this.#camera, message.read());
      } else if (topic === depth) this.#depths.push(stamped(message.read()));
      else if (topic === colour) {
        this.#colours.push(stamped(message.read()));
        if (this.#colours.length > 2 * this.#waiting) this.#colours.shift();
      }
    } catch (error) {
      if (error instanceof UserError) throw error;
      this.#unread++;
    }
  }

  #move({ transforms }: RosTransforms, still: boolean): void {
    for (const { header, child_frame_id, transform } of transforms) {
      const { translation: t, rotation: r } = transform;
      const motion: Transform = { translation: [t.x, t.y, t.z], rotation: [r.x, r.y, r.z, r.w] };
      this.#transforms.add(header.frame_id, child_frame_id, motion, still ? undefined : timeOf(header));
    }
  }

  /** Frames that are complete; those that wait for more stay, unless nothing more comes or too many wait. */
  *#ready(ended: boolean): Generator<MatchedFrame<I> | LostFrame> {
    for (let depth = this.#depths[0]; depth !== undefined; depth = this.#depths[0]) {
      const enough = ended || this.#depths.length > this.#waiting;
      const colour = this.#colourOf(depth);
      const seen = colour !== undefined && this.#colours.some(({ time }) => time >= depth.time);
      if (!seen && !enough && !this.#colours.some(({ time }) => time > depth.time + this.#tolerance)) return;
      if (this.#camera === undefined && !enough) return;
      this.#world ??= this.#options.world ?? this.#transforms.rootOf(depth.frame);
      const world = this.#world;
      const pose = world === undefined ? 'later' : this.#transforms.lookUp(world, depth.frame, depth.time);
      if (pose === 'later' && !enough && colour !== undefined) return;
      this.#depths.shift();
      if (colour === undefined) yield this.#lose(depth, 'colour');
      else if (this.#camera === undefined) yield this.#lose(depth, 'camera');
      else if (typeof pose === 'string') yield this.#lose(depth, 'pose');
      else {
        this.#requireRegistered(depth, colour);
        // An image makes one frame.
        this.#colours = this.#colours.filter(({ time }) => time > colour.time);
        this.#given++;
        const { id, time } = depth;
        yield {
          ...{ id, time, depth: depth.image, colour: colour.image, colourDelay: colour.time - time },
          ...{ camera: this.#camera, cameraToWorld: pose },
        };
      }
    }
  }

  #lose({ id, time }: Timed, lacks: Lack): LostFrame {
    this.#lost[lacks]++;
    return { id, time, lacks };
  }

  #colourOf(depth: Stamped<I>): Stamped<I> | undefined {
    const distance = ({ time }: Stamped<I>) => Math.abs(time - depth.time);
    let nearest: Stamped<I> | undefined;
    for (const colour of this.#colours) {
      if (nearest === undefined || distance(colour) < distance(nearest)) nearest = colour;
    }
    return nearest !== undefined && distance(nearest) <= this.#tolerance ? nearest : undefined;
  }

  #requireRegistered(depth: Stamped<I>, colour: Stamped<I>): void {
    const { topics: asked = {}, name } = this.#options;
    const told = asked.colour !== undefined && asked.depth !== undefined;
    if (colour.frame === depth.frame || told) return;
    const topics = this.#topics!;
    throw new UserError(
      `${name}: ${topics.depth} is seen from ${depth.frame} and ${topics.colour} from ${colour.frame}; expected depth ` +
        'registered to the colour, in one frame. Record the registered depth, or name both topics if they are.',
    );
  }

  /** What a lost frame lacks, in a few words. */
  why(lacks: Lack): string {
    if (lacks === 'colour') return `no colour image within ${this.#tolerance} s of the depth image`;
    if (lacks === 'camera') return `no message on ${this.#topics!.info}`;
    return `no pose: no transforms to ${this.#world ?? 'a frame that the camera moves in'} around its time`;
  }

  #whyNone(): string {
    const { name } = this.#options;
    const { colour, camera, pose } = this.#lost;
    const { depth, info } = this.#topics!;
    const depths = colour + camera + pose;
    if (depths === 0) return `${name} has no frame: there is no message on ${depth}.`;
    if (pose > 0) {
      return (
        `${name} has no frame: ${pose} of ${depths} depth images have no pose, expected transforms on /tf and /tf_static ` +
        `from the camera's frame to ${this.#world ?? 'one that it moves in'} around their times.`
      );
    }
    if (camera > 0) return `${name} has no frame: there is no message on ${info}.`;
    return `${name} has no frame: no colour image within ${this.#tolerance} s of any of ${depths} depth images.`;
  }
}

/** Cameras say the same thing with each image; frames share what was said first. */
function sameOrNew(known: RosCamera | undefined, told: RosCamera): RosCamera {
  const isSame =
    known?.width === told.width && known.height === told.height && known.k.every((x, i) => x === told.k[i]);
  return isSame ? known : told;
}

function timeOf({ stamp }: RosHeader): number {
  return stamp.sec + stamp.nsec / 1e9;
}

function stamped<I>({ header, image }: { header: RosHeader; image: I }): Stamped<I> {
  const { sec, nsec } = header.stamp;
  return {
    time: timeOf(header),
    id: `${sec}.${String(nsec).padStart(9, '0')}`,
    frame: header.frame_id.replace(/^\//, ''),
    image,
  };
}
