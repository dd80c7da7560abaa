import { UserError } from '../../errors.js';
import type { Intrinsics, Size } from '../../frame.js';
import { requireIntrinsics } from '../../sources/depth-camera.js';
import { requireSameShape } from '../../sources/working-size.js';
import type { CapturedColour, CapturedFrame } from '../captured-frame.js';
import { decodeShades, type Shades } from '../sharpness.js';
import { colourOf, depthOf, type RosCompressedImage, type RosImage } from './images.js';
import { type McapMessage, McapMessages } from './messages.js';
import {
  CAMERA_INFO,
  COMPRESSED_IMAGE,
  chooseTopics,
  type FrameTopics,
  IMAGE,
  listOfTopics,
} from './topics.js';
import { type Transform, TransformTree } from './transforms.js';

export interface McapOptions {
  /** What messages call the file or stream. */
  readonly name: string;
  /** The scene that the frames are of. */
  readonly scene: string;
  /** Topics to take; those left out are chosen (see `chooseTopics`). */
  readonly topics?: Partial<FrameTopics>;
  /** The frame that poses are in; the root of the camera's transforms if undefined. */
  readonly world?: string;
  /** Longest time in seconds between depth and its colour. */
  readonly tolerance?: number;
  /** Longest time in seconds between two transforms for a pose between them to be taken. */
  readonly gap?: number;
}

/** A frame of which pose and camera are known and whose images are still as they were recorded. */
export interface McapFrame {
  readonly scene: string;
  /** Its depth's time stamp, `seconds.nanoseconds`. */
  readonly id: string;
  /** Seconds. */
  readonly timestamp: number;
  /** 4×4 row-major, camera to world in metres, OpenCV axes. */
  readonly cameraToWorld: Float64Array;
  /** The colour image, small. @throws BadFrameError where it cannot be decoded */
  grey(): Promise<Shades>;
  /** @throws BadFrameError where its images cannot be used */
  capture(): Promise<CapturedFrame>;
}

/** Depth images that made no frame, by what they lacked. */
export interface McapLosses {
  /** No colour image near enough in time. */
  colour: number;
  /** No camera information. */
  camera: number;
  /** No transforms around their time. */
  pose: number;
}

/** std_msgs/msg/Header. */
interface RosHeader {
  readonly stamp: { readonly sec: number; readonly nanosec: number };
  readonly frame_id: string;
}

interface RosTransforms {
  readonly transforms: readonly {
    readonly header: RosHeader;
    readonly child_frame_id: string;
    readonly transform: {
      readonly translation: { readonly x: number; readonly y: number; readonly z: number };
      readonly rotation: { readonly x: number; readonly y: number; readonly z: number; readonly w: number };
    };
  }[];
}

interface RosCameraInfo extends Size {
  readonly k: ArrayLike<number>;
}

/** An image and when it was taken. */
interface Stamped {
  readonly time: number;
  readonly id: string;
  readonly frame: string;
  readonly image: RosImage | RosCompressedImage;
}

const TRANSFORMS = 'tf2_msgs/msg/TFMessage';
const USED: readonly string[] = [IMAGE, COMPRESSED_IMAGE, CAMERA_INFO, TRANSFORMS];

/**
 * What is looked at before topics and the world's frame are chosen, in seconds of the recording, so that all publishers have
 * said something; and in bytes.
 */
const LOOK_AHEAD = 1;
const LOOK_AHEAD_BYTES = 2 ** 26;
/** Depth images that may wait for colour, camera and transforms: a second at 30 a second. */
const WAITING = 32;
/** Colour images that are kept for them; colour often comes at twice the rate. */
const COLOURS = 2 * WAITING;

/**
 * RGB-D frames of a ROS 2 recording.
 *
 * A frame is a depth image, the colour image nearest to it in time, the newest camera information, and where the
 * transforms put the depth's own frame at its time. Colour has to be registered to the depth, so both have to be in the same
 * coordinate frame unless the user named both topics. Depth is taken to be rectified: lens distortion is not undone.
 *
 * Messages are read as frames are asked for. At most 32 depth images wait, with 64 of colour; one that would wait longer is
 * left out and counted. To choose topics a second is looked at in advance, 64 MB at most.
 */
export class McapCapture {
  readonly #messages: McapMessages;
  readonly #options: McapOptions;
  readonly #tolerance: number;
  readonly #transforms: TransformTree;
  #topics: FrameTopics | undefined;
  #world: string | undefined;
  #camera: RosCameraInfo | undefined;
  #depths: Stamped[] = [];
  #colours: Stamped[] = [];
  #given = 0;
  #unread = 0;
  readonly #lost: McapLosses = { colour: 0, camera: 0, pose: 0 };

  constructor(bytes: AsyncIterable<Uint8Array>, options: McapOptions) {
    this.#messages = new McapMessages(bytes, options.name);
    this.#options = options;
    this.#tolerance = options.tolerance ?? 0.02;
    this.#transforms = new TransformTree(options.gap ?? 0.2);
  }

  get lost(): Readonly<McapLosses> {
    return this.#lost;
  }

  /** Messages that did not fit their type. */
  get unread(): number {
    return this.#unread;
  }

  /** The topics that were chosen; undefined before the first frame. */
  get topics(): FrameTopics | undefined {
    return this.#topics;
  }

  /**
   * To be called once; frames in order of time, as far as they were recorded so.
   * @throws UserError where it cannot tell which topics to take; where there was no frame; and, after the frames
   * before, where the recording is damaged or cut off
   */
  async *frames(): AsyncGenerator<McapFrame> {
    let failure: unknown;
    const ahead: McapMessage[] = [];
    let bytes = 0;
    try {
      for await (const message of this.#messages) {
        if (!USED.includes(message.type)) continue;
        if (this.#topics !== undefined) {
          this.#take(message);
          yield* this.#ready(false);
          continue;
        }
        ahead.push(message);
        bytes += message.bytes.length;
        if (bytes < LOOK_AHEAD_BYTES && !this.#hasSeenEnough(ahead)) continue;
        this.#choose();
        yield* this.#replay(ahead.splice(0));
      }
    } catch (error) {
      // What was read before the damage is as good as ever.
      failure = error;
    }
    if (failure !== undefined && !(failure instanceof UserError)) throw failure;
    if (this.#topics === undefined && (failure === undefined || ahead.length > 0)) {
      try {
        this.#choose();
      } catch (error) {
        throw failure ?? error;
      }
      yield* this.#replay(ahead);
    }
    yield* this.#ready(true);
    if (failure !== undefined) throw failure;
    if (this.#given === 0) throw new UserError(this.#whyNone());
  }

  /** Whether all that is needed has been said, and everybody had time to say it. */
  #hasSeenEnough(ahead: readonly McapMessage[]): boolean {
    if (typeof chooseTopics(this.#messages.topics, this.#options.topics) === 'string') return false;
    // What moves and what does not may have been told long before.
    const first = ahead.find(({ type }) => type === IMAGE || type === COMPRESSED_IMAGE);
    return first !== undefined && ahead.at(-1)!.logTime - first.logTime >= LOOK_AHEAD;
  }

  #choose(): void {
    const { topics } = this.#messages;
    const chosen = chooseTopics(topics, this.#options.topics);
    if (typeof chosen === 'string') {
      const there = topics.size === 0 ? 'It has no topics' : `Its topics: ${listOfTopics(topics)}`;
      throw new UserError(
        `${this.#options.name}: ${chosen}. Expected one topic each of colour, depth and camera information, or to be told ` +
          `which to take. ${there}.`,
      );
    }
    this.#topics = chosen;
  }

  /** Takes what was looked at in advance: transforms first, which tell the frame of the world. */
  async *#replay(ahead: readonly McapMessage[]): AsyncGenerator<McapFrame> {
    for (const message of ahead) if (message.type === TRANSFORMS) this.#take(message);
    for (const message of ahead) {
      if (message.type === TRANSFORMS) continue;
      this.#take(message);
      yield* this.#ready(false);
    }
  }

  #take(message: McapMessage): void {
    const { colour, depth, info } = this.#topics!;
    const { topic, type } = message;
    if (type !== TRANSFORMS && topic !== colour && topic !== depth && topic !== info) return;
    let fields: unknown;
    try {
      fields = message.decode();
    } catch (error) {
      if (error instanceof UserError) throw error;
      this.#unread++;
      return;
    }
    if (type === TRANSFORMS) this.#move(fields as RosTransforms, topic.endsWith('tf_static'));
    else if (topic === info) this.#camera = fields as RosCameraInfo;
    else {
      const images = topic === depth ? this.#depths : this.#colours;
      images.push(stamped(fields as (RosImage | RosCompressedImage) & { header: RosHeader }));
      if (images === this.#colours && images.length > COLOURS) images.shift();
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
  *#ready(ended: boolean): Generator<McapFrame> {
    for (let depth = this.#depths[0]; depth !== undefined; depth = this.#depths[0]) {
      const enough = ended || this.#depths.length > WAITING;
      const colour = this.#colourOf(depth);
      const seen = colour !== undefined && this.#colours.some(({ time }) => time >= depth.time);
      if (!seen && !enough && !this.#colours.some(({ time }) => time > depth.time + this.#tolerance)) return;
      if (this.#camera === undefined && !enough) return;
      this.#world ??= this.#options.world ?? this.#transforms.rootOf(depth.frame);
      const world = this.#world;
      const pose = world === undefined ? 'later' : this.#transforms.lookUp(world, depth.frame, depth.time);
      if (pose === 'later' && !enough && colour !== undefined) return;
      this.#depths.shift();
      if (colour === undefined) this.#lost.colour++;
      else if (this.#camera === undefined) this.#lost.camera++;
      else if (typeof pose === 'string') this.#lost.pose++;
      else {
        // An image makes one frame.
        this.#colours = this.#colours.filter(({ time }) => time > colour.time);
        this.#given++;
        yield this.#frame(depth, colour, this.#camera, pose);
      }
    }
  }

  #colourOf(depth: Stamped): Stamped | undefined {
    const distance = ({ time }: Stamped) => Math.abs(time - depth.time);
    let nearest: Stamped | undefined;
    for (const colour of this.#colours) {
      if (nearest === undefined || distance(colour) < distance(nearest)) nearest = colour;
    }
    return nearest !== undefined && distance(nearest) <= this.#tolerance ? nearest : undefined;
  }

  #frame(depth: Stamped, colour: Stamped, camera: RosCameraInfo, cameraToWorld: Float64Array): McapFrame {
    const topics = this.#topics!;
    const { topics: asked = {}, scene, name } = this.#options;
    const told = asked.colour !== undefined && asked.depth !== undefined;
    if (colour.frame !== depth.frame && !told) {
      throw new UserError(
        `${name}: ${topics.depth} is seen from ${depth.frame} and ${topics.colour} from ${colour.frame}; expected depth ` +
          'registered to the colour, in one frame. Record the registered depth, or name both topics if they are.',
      );
    }
    const { id, time } = depth;
    let decoded: Promise<CapturedColour> | undefined;
    const colourFile = () => {
      decoded ??= colourOf(colour.image, topics.colour);
      return decoded;
    };
    return {
      scene,
      id,
      timestamp: time,
      cameraToWorld,
      grey: async () => decodeShades((await colourFile()).bytes, topics.colour),
      async capture() {
        const image = await depthOf(depth.image, topics.depth);
        const intrinsics = intrinsicsAt(camera, image, topics);
        return {
          scene,
          id,
          timestamp: time,
          colour: await colourFile(),
          depth: image,
          intrinsics,
          cameraToWorld,
        };
      },
    };
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

/** The depth's intrinsics, brought from the size that the camera was calibrated at to the image's own. */
function intrinsicsAt(
  { k, width, height }: RosCameraInfo,
  image: Size,
  { info, depth }: FrameTopics,
): Intrinsics {
  const at = width > 0 && height > 0 ? { width, height } : image;
  requireSameShape(depth, image, at, info);
  const [sx, sy] = [image.width / at.width, image.height / at.height];
  return requireIntrinsics(
    {
      fx: k[0] * sx,
      fy: k[4] * sy,
      // Pixel centres lie at integers, so that images have their edges at −½.
      cx: (k[2] + 0.5) * sx - 0.5,
      cy: (k[5] + 0.5) * sy - 0.5,
    },
    info,
  );
}

function timeOf({ stamp }: RosHeader): number {
  return stamp.sec + stamp.nanosec / 1e9;
}

function stamped(message: (RosImage | RosCompressedImage) & { header: RosHeader }): Stamped {
  const { sec, nanosec } = message.header.stamp;
  return {
    time: timeOf(message.header),
    id: `${sec}.${String(nanosec).padStart(9, '0')}`,
    frame: message.header.frame_id.replace(/^\//, ''),
    image: message,
  };
}
