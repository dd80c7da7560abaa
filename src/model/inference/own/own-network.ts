import type * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../../../errors.js';
import type { Random } from '../../../random.js';

/** Gives the next random stream of a draw: the n-th that is asked for is the same whenever that draw is made. */
export type Streams = () => Random;

/**
 * A network of the user's own on this thread's backend, cut where its draws part: what lies before the first noise
 * is the same for all of them.
 */
export interface OwnNetwork {
  /** The path of its model.json, for messages. */
  readonly file: string;
  readonly input: InputSize;
  /** What its output is called, for messages. */
  readonly output: string;
  /**
   * The part without noise. The tensors are the caller's; one of them may be `image` itself.
   * @param image [1, H, W, 3] in the network's own range
   */
  features(image: tf.Tensor4D): tf.Tensor[];
  /**
   * The rest, once: scores of whatever shape the network gives.
   * @param streams noise off if not given
   * @throws UserError if its noise cannot be switched off and is to be
   */
  scores(features: readonly tf.Tensor[], streams?: Streams): tf.Tensor;
  dispose(): void;
}

/** Sides that the network fixes, pixels; undefined where it takes any. */
export interface InputSize {
  readonly height: number | undefined;
  readonly width: number | undefined;
}

/** An input as tfjs describes it: sides that are open are null or −1, a shape that is not known at all is absent. */
interface Port {
  readonly name: string;
  readonly shape?: readonly (number | null)[] | undefined;
  readonly dtype: string;
}

/**
 * Checks that a network has one output and takes one image, [1, H, W, 3] of float32.
 * @returns the sides that it fixes
 * @throws UserError
 */
export function imageInput(
  file: string,
  inputs: readonly Port[],
  outputs: readonly { readonly name: string }[],
): InputSize {
  for (const [what, ports] of [
    ['input', inputs],
    ['output', outputs],
  ] as const) {
    if (ports.length !== 1) {
      const names = ports.map(({ name }) => name).join(', ');
      throw new UserError(
        `${file} is of a network with ${ports.length} ${what}s (${names}): expected one ${what}.`,
      );
    }
  }
  const [{ name, shape, dtype }] = inputs;
  if (dtype !== 'float32') {
    throw new UserError(`${file}: the input ${name} takes ${dtype}, expected float32.`);
  }
  const [batch, height, width, channels] = (shape ?? [null, null, null, null]).map((side) =>
    side === null || side < 0 ? undefined : side,
  );
  const rank = shape?.length ?? 4;
  const isChannelsFirst = height === 3 && channels !== 3;
  if (rank !== 4 || (batch ?? 1) !== 1 || (channels ?? 3) !== 3 || isChannelsFirst) {
    const sides = shape!.map((side) => (side === null || side < 0 ? 'any' : side)).join(', ');
    throw new UserError(
      `${file}: the input ${name} has shape [${sides}], expected [1, height, width, 3]: an RGB image, channels last.`,
    );
  }
  return { height, width };
}
