import { KEYFRAME_DEFAULTS, type KeyframeOptions } from './keyframe-options.js';
import type { SkipReason } from './live-source.js';
import { type Shades, sharpness } from './sharpness.js';

export interface Candidate {
  readonly scene: string;
  /** 4×4 row-major, camera to world, metres. */
  readonly cameraToWorld: Float64Array;
  /** The colour image, some 320 pixels wide; asked for only where the pose does not settle the matter. */
  grey(): Promise<Shades>;
}

/** Keyframes of a scene that are compared with; of a scene with more, the oldest are forgotten. 400 kB a scene. */
const REMEMBERED = 4096;
/** Numbers kept of a pose: its upper three rows. */
const NUMBERS = 12;

/**
 * Tells frames that bring something from those that do not, so that a camera of 30 frames a second costs what it
 * brings.
 *
 * A frame is still where any keyframe of its scene is within `move` and `turn` of it, not only the last: what a place looks
 * like from one viewpoint is known once it was seen, whether a moment or minutes ago, and a view counted twice would
 * weigh double in the scene's evidence. It also makes the answer the same for frames that come late or out of order.
 *
 * State is a bounded number of poses a scene.
 */
export class KeyframeGate {
  readonly #move: number;
  readonly #cosine: number;
  readonly #sharpness: number;
  readonly #scenes = new Map<string, Keyframes>();

  constructor({ move, turn, sharpness: least }: KeyframeOptions = KEYFRAME_DEFAULTS) {
    this.#move = move;
    this.#cosine = Math.cos((Math.min(turn, 180) * Math.PI) / 180);
    this.#sharpness = least;
  }

  /**
   * Why a frame is not worth keeping; undefined where it is. Remembers nothing: call `keep` once the frame is stored. Frames
   * of a scene that are judged at once do not know of each other, and both may pass.
   * @throws what `grey` throws
   */
  async judge({ scene, cameraToWorld, grey }: Candidate): Promise<SkipReason | undefined> {
    if (this.#scenes.get(scene)?.anyNear(cameraToWorld, this.#move, this.#cosine)) return 'still';
    if (this.#sharpness > 0 && sharpness(await grey()) < this.#sharpness) return 'blurred';
    return undefined;
  }

  /** Takes a frame as a keyframe, whatever was judged of it: those of earlier runs, for instance. */
  keep({ scene, cameraToWorld }: Pick<Candidate, 'scene' | 'cameraToWorld'>): void {
    let keyframes = this.#scenes.get(scene);
    if (keyframes === undefined) {
      keyframes = new Keyframes();
      this.#scenes.set(scene, keyframes);
    }
    keyframes.add(cameraToWorld);
  }

  /** Drops what is known of a scene, whose frames will come no more. */
  forget(scene: string): void {
    this.#scenes.delete(scene);
  }
}

/** Poses of a scene's keyframes. A look at all of them takes microseconds, so there is no index to keep. */
class Keyframes {
  #poses = new Float64Array(16 * NUMBERS);
  #count = 0;
  /** Where the next one goes once all places are taken. */
  #oldest = 0;

  add(pose: Float64Array): void {
    let place = this.#count;
    if (this.#count < REMEMBERED) this.#count++;
    else {
      place = this.#oldest;
      this.#oldest = (this.#oldest + 1) % REMEMBERED;
    }
    if (place * NUMBERS === this.#poses.length) {
      const grown = new Float64Array(this.#poses.length * 2);
      grown.set(this.#poses);
      this.#poses = grown;
    }
    this.#poses.set(pose.subarray(0, NUMBERS), place * NUMBERS);
  }

  /** Whether any lies less than `move` metres, and less than the turn of this cosine, from a pose. */
  anyNear(pose: Float64Array, move: number, cosine: number): boolean {
    const poses = this.#poses;
    for (let at = 0, end = this.#count * NUMBERS; at < end; at += NUMBERS) {
      const x = poses[at + 3] - pose[3];
      const y = poses[at + 7] - pose[7];
      const z = poses[at + 11] - pose[11];
      if (!(x * x + y * y + z * z < move * move)) continue;
      // The trace of RᵀS is 1 + 2 cos of the angle between the rotations R and S.
      const trace =
        poses[at] * pose[0] +
        poses[at + 1] * pose[1] +
        poses[at + 2] * pose[2] +
        poses[at + 4] * pose[4] +
        poses[at + 5] * pose[5] +
        poses[at + 6] * pose[6] +
        poses[at + 8] * pose[8] +
        poses[at + 9] * pose[9] +
        poses[at + 10] * pose[10];
      // Rotations printed to a few digits are none quite: of two equal ones the trace may be a little less than 3.
      if ((trace - 1) / 2 > cosine) return true;
    }
    return false;
  }
}
