import * as tf from '@tensorflow/tfjs-core';
import { BadFrameError, UserError } from '../../../errors.js';
import type { Size } from '../../../frame.js';
import { random, seedOf } from '../../../random.js';
import { type ProbabilityMap, toHalves } from '../../probability-map.js';
import type { McDropoutFrame, McDropoutOptions } from '../mc-dropout.js';
import { meanOfDraws } from '../mean-of-draws.js';
import { GraphNetwork } from './graph-network.js';
import { LayersNetwork } from './layers-network.js';
import type { OwnNetwork, Streams } from './own-network.js';
import { firstSentence, type InputRange, type TfjsModel } from './tfjs-file.js';

/** value·scale + offset brings a byte to the network's range. */
const TO_RANGE: Readonly<Record<InputRange, { readonly scale: number; readonly offset: number }>> = {
  '-1..1': { scale: 1 / 127.5, offset: -1 },
  '0..1': { scale: 1 / 255, offset: 0 },
  '0..255': { scale: 1, offset: 0 },
};

/** Labels are bytes, 255 of them for no class. */
const MAX_CLASSES = 255;

/** How far from 1 the sum of a pixel's probabilities may be. */
const SUM_TOLERANCE = 1e-3;

/** Draws of the trial image at least before they are called identical: few may be so by chance, at a low rate. */
const LEAST_TRIAL_DRAWS = 64;

/**
 * MC dropout (paper, Eq. 1) with the user's own network on this thread's backend. Draw d of a frame takes its noise
 * from the seed, the scene, the frame's id and d: the same wherever and whenever it is made. With no draws, one pass
 * with noise off.
 */
export class OwnMcDropout {
  /**
   * @param size of the images to come: the network is tried out on one of random colours
   * @throws UserError where tfjs cannot build or run the network, where its input or output is not what is
   * expected, where several draws are asked for and come out alike, and where noise is to be off and cannot be
   */
  static async start(model: TfjsModel, options: McDropoutOptions, size: Size): Promise<OwnMcDropout> {
    const network = model.kind === 'layers' ? await LayersNetwork.load(model) : GraphNetwork.load(model);
    const { classes, givesProbabilities } = tryOut(network, model, options, size);
    return new OwnMcDropout(network, model.input, options, classes, givesProbabilities);
  }

  private constructor(
    private readonly network: OwnNetwork,
    private readonly range: InputRange,
    private readonly options: McDropoutOptions,
    readonly classes: number,
    /** Its output is probabilities, else logits. */
    private readonly givesProbabilities: boolean,
  ) {}

  /** @throws BadFrameError where the frame's scores are not finite */
  predict(frame: McDropoutFrame): ProbabilityMap {
    const { draws, seed } = this.options;
    const { width, height, scene, id } = frame;
    const mean = tf.tidy(() => {
      const features = this.network.features(imageTensor(frame, this.range, this.network));
      return meanOfDraws(Math.max(draws, 1), (draw) => {
        const streams = draws === 0 ? undefined : streamsOf(seed, scene, id, draw);
        const scores = this.network.scores(features, streams) as tf.Tensor4D;
        return this.probabilities(scores, frame);
      });
    });
    const values = mean.dataSync<'float32'>();
    mean.dispose();
    for (let i = 0; i < values.length; i++) {
      if (!(values[i] >= 0 && values[i] <= 1 + SUM_TOLERANCE)) {
        const expected = this.givesProbabilities ? 'probabilities, as it gave on trial' : 'finite scores';
        throw new BadFrameError(
          this.network.file,
          `the network's output ${this.network.output} does not hold ${expected}`,
        );
      }
    }
    return { width, height, classes: this.classes, data: toHalves(values) };
  }

  dispose(): void {
    this.network.dispose();
  }

  /** [1, H, W, C] at the frame's size. Logits are resized before the softmax. */
  private probabilities(scores: tf.Tensor4D, { width, height }: Size): tf.Tensor4D {
    const resized = resize(scores, height, width);
    return this.givesProbabilities ? resized : tf.softmax(resized);
  }
}

function streamsOf(...draw: readonly (number | string)[]): Streams {
  let asked = 0;
  return () => random(seedOf(...draw, asked++));
}

/** [1, H, W, 3] in the network's range and at its size. */
function imageTensor(
  { width, height, colour }: Pick<McDropoutFrame, 'width' | 'height' | 'colour'>,
  range: InputRange,
  { input }: OwnNetwork,
): tf.Tensor4D {
  if (colour.length !== width * height * 3) {
    throw new RangeError(`expected ${width}×${height}×3 bytes of colour, got ${colour.length}`);
  }
  const { scale, offset } = TO_RANGE[range];
  const values = new Float32Array(colour.length);
  for (let i = 0; i < values.length; i++) values[i] = colour[i] * scale + offset;
  const image = tf.tensor4d(values, [1, height, width, 3]);
  return resize(image, input.height ?? height, input.width ?? width);
}

/** Bilinear, pixel centres at half: both grids cover the same picture, whatever their sizes. */
function resize(x: tf.Tensor4D, height: number, width: number): tf.Tensor4D {
  const [, h, w] = x.shape;
  return h === height && w === width ? x : tf.image.resizeBilinear(x, [height, width], false, true);
}

interface Trial {
  readonly classes: number;
  readonly givesProbabilities: boolean;
}

/**
 * Runs the network on random colours, where any dropout must show: as often as it takes for a draw to be finite and one
 * to differ from the first. Doing so before the first frame, a network that cannot be used is refused before any work
 * is spent on it; and a frame on which dropout happens to change nothing, a black one perhaps, is no reason to stop a
 * run.
 */
function tryOut(network: OwnNetwork, model: TfjsModel, { draws, seed }: McDropoutOptions, size: Size): Trial {
  const { file, output } = network;
  const { width, height } = size;
  const next = random(seedOf(seed, 'trial'));
  const colour = Uint8Array.from({ length: width * height * 3 }, () => next() * 256);
  const features = refusing(network, size, () =>
    tf.tidy(() => network.features(imageTensor({ ...size, colour }, model.input, network))),
  );
  const draw = (d: number): { shape: number[]; values: Float32Array } => {
    const scores = refusing(network, size, () =>
      tf.tidy(() => network.scores(features, draws === 0 ? undefined : streamsOf(seed, 'trial', d))),
    );
    const { shape, dtype } = scores;
    const values = Float32Array.from(scores.dataSync());
    scores.dispose();
    if (dtype !== 'float32' || shape.length !== 4 || shape[0] !== 1 || shape[1] < 1 || shape[2] < 1) {
      throw new UserError(
        `${file}: the network's output ${output} is ${dtype} of shape [${shape}] for an image of ${width}×${height}, expected float32 scores [1, height, width, classes].`,
      );
    }
    return { shape, values };
  };

  const first = draw(0);
  const classes = first.shape[3];
  const named = model.classNames?.length ?? classes;
  if (classes < 2 || classes > MAX_CLASSES) {
    throw new UserError(
      `${file}: the network's output ${output} has ${classes} scores a pixel, expected 2 to ${MAX_CLASSES}: one a class.`,
    );
  }
  if (named !== classes) {
    throw new UserError(
      `${file} names ${named} classes in its userDefinedMetadata, but the network's output ${output} has ${classes} scores a pixel.`,
    );
  }
  const tries = draws === 0 ? 1 : Math.max(draws, LEAST_TRIAL_DRAWS);
  let finite = areFinite(first.values) ? first.values : undefined;
  let differ = draws <= 1; // which takes no dropout
  for (let d = 1; d < tries && !(finite && differ); d++) {
    const { values } = draw(d);
    if (areFinite(values)) finite ??= values;
    differ ||= !areEqual(first.values, values);
  }
  tf.dispose(features);
  if (finite === undefined) {
    throw new UserError(
      `${file}: the network's output ${output} holds numbers that are not finite: expected whole weights, and input in the range ${model.input}.`,
    );
  }
  if (!differ) {
    throw new UserError(
      `${file}: the network has no active dropout: its draws of one image are identical. Expected a LayersModel with dropout layers or a graph that draws random numbers; --draws 1 does without.`,
    );
  }
  return { classes, givesProbabilities: areProbabilities(finite, classes) };
}

function areFinite(values: Float32Array): boolean {
  return values.every(Number.isFinite);
}

/** Whether all numbers are equal, NaN to NaN. */
function areEqual(a: Float32Array, b: Float32Array): boolean {
  return a.every((value, i) => value === b[i] || (Number.isNaN(value) && Number.isNaN(b[i])));
}

/** Every number at least 0, and those of each pixel adding up to 1. */
function areProbabilities(values: Float32Array, classes: number): boolean {
  for (let at = 0; at < values.length; at += classes) {
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      if (values[at + c] < 0) return false;
      sum += values[at + c];
    }
    if (Math.abs(sum - 1) > SUM_TOLERANCE) return false;
  }
  return true;
}

/** Runs a part of the network; what tfjs says against it becomes a sentence. */
function refusing<T>({ file }: OwnNetwork, { width, height }: Size, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { message } = error as Error;
    const unknown = /Unknown op '([^']+)'/.exec(message)?.[1];
    const dynamic = /dynamic op '([^']+)'/.exec(message)?.[1];
    if (unknown) {
      throw new UserError(
        `${file} has the op ${unknown}, which TensorFlow.js does not know: expected a graph of its own ops.`,
      );
    }
    if (dynamic) {
      throw new UserError(
        `${file} has the node ${dynamic}, whose output's size or existence depends on its input's values: expected a graph without control flow.`,
      );
    }
    throw new UserError(
      `${file}: TensorFlow.js cannot run the network on an image of ${width}×${height}: ${firstSentence(error as Error)}.`,
      { cause: error },
    );
  }
}
