import { UserError } from '../errors.js';
import type { Intrinsics, Size } from '../frame.js';
import { requireIntrinsics } from '../sources/depth-camera.js';
import { imageSize } from '../sources/image-header.js';
import { McapMessages } from '../sources/mcap/mcap-messages.js';
import {
  FrameMatcher,
  type Lack,
  type LostFrame,
  type MatchedFrame,
  type MatchOptions,
} from '../sources/ros/frame-matcher.js';
import { colourOf, depthOf } from '../sources/ros/images.js';
import type { RosCamera, RosCompressedImage, RosImage } from '../sources/ros/messages.js';
import type { FrameTopics } from '../sources/ros/topics.js';
import { requireSameShape } from '../sources/working-size.js';
import type { CapturedColour, CapturedFrame } from './captured-frame.js';
import { decodeShades, type Shades } from './sharpness.js';

export interface McapOptions extends MatchOptions {
  /** The scene that the frames are of. */
  readonly scene: string;
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

type Image = RosImage | RosCompressedImage;

/**
 * RGB-D frames of a ROS 2 recording, read once from front to end (see `FrameMatcher` for what makes a frame).
 *
 * Messages are read as frames are asked for. At most 32 depth images wait, with 64 of colour; one that would wait longer is
 * left out and counted.
 */
export class McapCapture {
  readonly #messages: McapMessages;
  readonly #options: McapOptions;
  readonly #matcher: FrameMatcher<Image>;

  constructor(bytes: AsyncIterable<Uint8Array>, options: McapOptions) {
    this.#messages = new McapMessages(bytes, options.name);
    this.#options = options;
    this.#matcher = new FrameMatcher(this.#messages.topics, options);
  }

  /** Depth images that made no frame, by what they lacked. */
  get lost(): Readonly<Record<Lack, number>> {
    return this.#matcher.lost;
  }

  /** Messages that did not fit their type. */
  get unread(): number {
    return this.#matcher.unread;
  }

  /** The topics that were chosen; undefined before the first frame. */
  get topics(): FrameTopics | undefined {
    return this.#matcher.topics;
  }

  /**
   * To be called once; frames in order of time, as far as they were recorded so.
   * @throws UserError where it cannot tell which topics to take; where there was no frame; and, after the frames
   * before, where the recording is damaged or cut off
   */
  async *frames(): AsyncGenerator<McapFrame> {
    let failure: UserError | undefined;
    try {
      for await (const message of this.#messages) yield* this.#frames(this.#matcher.take(message));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      // What was read before the damage is as good as ever.
      failure = error;
    }
    try {
      yield* this.#frames(this.#matcher.end());
    } catch (error) {
      throw failure ?? error;
    }
    if (failure !== undefined) throw failure;
  }

  *#frames(found: Iterable<MatchedFrame<Image> | LostFrame>): Generator<McapFrame> {
    for (const frame of found) if (!('lacks' in frame)) yield this.#frame(frame);
  }

  #frame({ id, time, depth, colour, camera, cameraToWorld }: MatchedFrame<Image>): McapFrame {
    const topics = this.#matcher.topics!;
    const common = { scene: this.#options.scene, id, timestamp: time, cameraToWorld };
    let file: Promise<CapturedColour> | undefined;
    const colourFile = () => {
      file ??= colourOf(colour, topics.colour);
      return file;
    };
    return {
      ...common,
      grey: async () => decodeShades((await colourFile()).bytes, topics.colour),
      async capture() {
        const [image, picture] = [await depthOf(depth, topics.depth), await colourFile()];
        requireSameShape(topics.colour, imageSize(picture.bytes, topics.colour), image, topics.depth);
        const intrinsics = intrinsicsAt(camera, image, topics);
        return { ...common, colour: picture, depth: image, intrinsics };
      },
    };
  }
}

/** The depth's intrinsics, brought from the size that the camera was calibrated at to the image's own. */
function intrinsicsAt(
  { k, width, height }: RosCamera,
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
