import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { IGNORE } from '../../src/frame.js';
import { startBackend } from '../../src/model/backend.js';
import { ConfusionMatrix } from '../../src/model/evaluation/confusion-matrix.js';
import { InferenceNetwork } from '../../src/model/inference/inference.js';
import { linkKernels } from '../../src/model/kernels/link.js';
import { initialNetwork } from '../../src/model/network.js';
import type { LabelledImage } from '../../src/model/training/crop.js';
import { trainingOps } from '../../src/model/training/engine.js';
import { alone } from '../../src/model/training/exchange.js';
import { FrozenBackbone } from '../../src/model/training/frozen-backbone.js';
import { prepareSample } from '../../src/model/training/prepare.js';
import {
  epochOf,
  learningRateAt,
  PAPER_RECIPE,
  QUICK_RECIPE,
  type TrainingOptions,
  withFrozenBackbone,
} from '../../src/model/training/recipe.js';
import { Replica } from '../../src/model/training/replica.js';
import { replicaCount } from '../../src/model/training/replica-threads.js';
import { type ImageSet, SampleOrder } from '../../src/model/training/samples.js';
import { initialState, type TrainingState } from '../../src/model/training/state.js';
import { Trainer, type TrainerOptions, type TrainingStep } from '../../src/model/training/trainer.js';
import { random } from '../../src/random.js';

const CLASSES = ['wall', 'red', 'green', 'blue'];
const config = { width: 0.35, head: 'slim', classes: CLASSES.length } as const;

/** Rectangles of the classes' colours, shaded and noisy, over a grey wall; a strip is unlabelled. */
function rectangles(seed: number, width = 96, height = 72): LabelledImage {
  const next = random(seed);
  const colours = [
    [128, 128, 128],
    [200, 60, 50],
    [60, 180, 70],
    [50, 80, 210],
  ];
  const labels = new Uint8Array(width * height);
  for (let c = 1; c < CLASSES.length; c++) {
    const [w, h] = [20 + next() * 25, 20 + next() * 25];
    const [left, top] = [next() * (width - w), next() * (height - h)];
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        if (x >= left && x < left + w && y >= top && y < top + h) labels[y * width + x] = c;
  }
  const colour = new Uint8Array(width * height * 3);
  for (const [pixel, label] of labels.entries()) {
    const shade = 0.7 + 0.3 * next();
    for (let channel = 0; channel < 3; channel++)
      colour[pixel * 3 + channel] = colours[label]![channel]! * shade;
  }
  labels.fill(IGNORE, 0, width * 4);
  return { width, height, colour, labels };
}

function setOf(images: readonly LabelledImage[]): ImageSet {
  return { count: images.length, load: async (index) => images[index]! };
}

const small: TrainingOptions = { ...QUICK_RECIPE, steps: 5, batch: 2, crop: { width: 48, height: 32 } };
const images = [1, 2, 3].map((seed) => rectangles(seed));
const begin = (options: TrainingOptions, count = images.length) =>
  initialState(initialNetwork(config, CLASSES, options.seed), options, count);

interface Trained {
  readonly state: TrainingState;
  readonly history: TrainingStep[];
}

/** Trains in workers until `stop` steps are done. */
async function trained(
  state: TrainingState,
  {
    stop = Number.POSITIVE_INFINITY,
    set = setOf(images),
    validation,
    ...options
  }: { stop?: number; set?: ImageSet; validation?: ImageSet } & TrainerOptions = {},
): Promise<Trained> {
  const trainer = await Trainer.open(state, set, validation, { workers: 1, ...options });
  const history: TrainingStep[] = [];
  try {
    for await (const step of trainer.run()) {
      history.push(step);
      if (step.step >= stop) break;
    }
    return { state: await trainer.state(), history };
  } finally {
    await trainer.close();
  }
}

/** Of every bit of weights, running statistics, momentum and the best network. */
function digestOf({ network, velocity, step, best }: TrainingState): string {
  const hash = createHash('sha256').update(`${step} ${best?.step} ${best?.epoch} ${best?.miou}`);
  for (const tensors of [network.tensors, velocity, best?.network.tensors ?? new Map()]) {
    for (const [name, { data }] of tensors) hash.update(name).update(data);
  }
  return hash.digest('hex');
}

beforeAll(async () => {
  await startBackend('wasm');
});

describe('recipe', () => {
  test('epochs of 10 images in batches of 4', () => {
    expect([1, 2, 3, 4, 5, 6].map((step) => epochOf(step, 4, 10))).toEqual([1, 1, 1, 2, 2, 3]);
  });

  test('the quick rate falls from the first step to 0 after the last', () => {
    const options = { ...QUICK_RECIPE, steps: 10, learningRate: 0.05 };
    expect(learningRateAt(options, 0, 8)).toBe(0.05);
    expect(learningRateAt(options, 5, 8)).toBeCloseTo(0.05 * 0.5 ** 0.9, 12);
    expect(learningRateAt(options, 10, 8)).toBe(0);
  });

  test("the paper's rate is a tenth from epoch 40 on", () => {
    const rate = (step: number) => learningRateAt(PAPER_RECIPE, step - 1, 8);
    expect(PAPER_RECIPE).toMatchObject({
      learningRate: 0.01,
      momentum: 0.9,
      weightDecay: 5e-4,
      patience: 20,
    });
    // Two steps an epoch: epoch 40 begins with step 79.
    expect([rate(1), rate(78), rate(79), rate(200)]).toEqual([0.01, 0.01, 0.001, 0.001]);
  });

  test('every epoch takes every image once, in an order of its own', () => {
    const order = new SampleOrder(3, 50);
    const epochs = [0, 1].map((epoch) => Array.from({ length: 50 }, (_, i) => order.image(epoch * 50 + i)));
    for (const epoch of epochs)
      expect([...epoch].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(new SampleOrder(3, 50).image(73)).toBe(epochs[1]![23]);
  });

  test('images are drawn in proportion to their weights, and as without weights where all are alike', () => {
    const weights = [100, 0.5, 40, 1, 8.5];
    const total = weights.reduce((sum, weight) => sum + weight);
    const order = new SampleOrder(3, weights.length, weights);
    const drawn = [0, 0, 0, 0, 0];
    for (let epoch = 0; epoch < 400; epoch++) {
      const times = [0, 0, 0, 0, 0];
      for (let i = 0; i < 5; i++) times[order.image(5 * epoch + i)]++;
      for (const [i, count] of times.entries()) {
        const due = (5 * weights[i]) / total;
        expect(count === Math.floor(due) || count === Math.ceil(due)).toBe(true);
        drawn[i] += count;
      }
    }
    for (const [i, count] of drawn.entries())
      expect(Math.abs(count / 2000 - weights[i] / total)).toBeLessThan(0.02);
    const [alike, none] = [new SampleOrder(5, 7, Array(7).fill(0.3)), new SampleOrder(5, 7)];
    for (let i = 0; i < 70; i++) expect(alike.image(i)).toBe(none.image(i));
  });

  test('of an image with one labelled patch, a crop shows some of it', () => {
    const image = rectangles(4);
    image.labels.fill(IGNORE);
    for (let y = 60; y < 66; y++) image.labels.fill(1, y * 96 + 80, y * 96 + 86);
    const colour = new Float32Array(48 * 32 * 3);
    const labels = new Int32Array(48 * 32);
    for (let number = 0; number < 100; number++) {
      prepareSample({ image, number, index: 0 }, { ...small, scales: [1, 4] }, colour, labels);
      expect(labels.some((label) => label === 1)).toBe(true);
    }
    // Where nothing is labelled, the window stays.
    image.labels.fill(IGNORE);
    prepareSample({ image, number: 1, index: 0 }, small, colour, labels);
    expect(labels.every((label) => label === IGNORE)).toBe(true);
  });

  test('replicas are a power of two that divides the batch', () => {
    expect([1, 2, 3, 4, 16].map((workers) => replicaCount(4, workers))).toEqual([1, 2, 2, 4, 4]);
    expect([replicaCount(6, 4), replicaCount(5, 8), replicaCount(8, 7)]).toEqual([2, 1, 4]);
  });
});

describe('trainer', () => {
  test('the same seed gives the same weights, another seed others', async () => {
    const one = await trained(begin(small));
    const again = await trained(begin(small));
    const other = await trained(begin({ ...small, seed: 2 }));
    expect(again.history).toEqual(one.history);
    expect(digestOf(again.state)).toBe(digestOf(one.state));
    expect(other.history).not.toEqual(one.history);
    expect(one.history.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
    expect(one.history[0]!.learningRate).toBe(small.learningRate);
  });

  test('any number of workers gives the same weights, bit for bit', async () => {
    const options: TrainingOptions = { ...small, batch: 4, augment: ['crop', 'flip', 'blur', 'noise'] };
    const state = begin({ ...options, classWeights: 'balanced', validateEvery: 2 });
    const [one, two, four] = await Promise.all(
      [1, 2, 4].map((workers) => trained(state, { workers, validation: setOf(images) })),
    );
    expect(two!.history).toEqual(one!.history);
    expect(four!.history).toEqual(one!.history);
    expect(digestOf(two!.state)).toBe(digestOf(one!.state));
    expect(digestOf(four!.state)).toBe(digestOf(one!.state));
  });

  test('stopped and resumed, it ends as if it had run through, bit for bit', async () => {
    const validation = setOf(images.slice(1));
    const state = begin({ ...small, validateEvery: 1 });
    const through = await trained(state, { validation });
    const first = await trained(state, { stop: 2, validation });
    expect(first.state.step).toBe(2);
    const second = await trained(first.state, { validation, workers: 2 });
    expect(digestOf(second.state)).toBe(digestOf(through.state));
    expect([...first.history, ...second.history]).toEqual(through.history);
  });

  test('the best network on the validation images is kept', async () => {
    const { state, history } = await trained(begin({ ...small, validateEvery: 1 }), {
      validation: setOf(images),
    });
    const validations = history.map(({ validation }) => validation!);
    const best = validations.reduce((a, b) => (b.miou > a.miou ? b : a));
    expect(state.best).toMatchObject({ step: best.step, epoch: best.epoch, miou: best.miou });
    let highest = 0;
    for (const { miou, isBest } of validations) {
      expect(isBest).toBe(miou > highest);
      highest = Math.max(highest, miou);
    }
    const inference = new InferenceNetwork(state.best!.network);
    const confusion = new ConfusionMatrix(CLASSES.length);
    for (const image of images) confusion.add(image.labels, inference.labels(image));
    inference.dispose();
    expect(confusion.meanIntersectionOverUnion()).toBe(best.miou);
    expect(confusion.pixelAccuracy()).toBe(best.pixelAccuracy);
  });

  test('training ends when the validation mIoU has not risen for so many epochs', async () => {
    // With a rate this small nothing changes: the first validation stays the best.
    const options: TrainingOptions = {
      ...small,
      steps: 1000,
      learningRate: 1e-12,
      weightDecay: 0,
      validateEvery: 'epoch',
      patience: 3,
    };
    const validation = setOf([rectangles(9)]);
    const { history } = await trained(begin(options), { validation });
    const validations = history.flatMap((step) => step.validation ?? []);
    // Running statistics still move, so the mIoU may.
    const best = validations.filter(({ isBest }) => isBest).at(-1)!;
    expect(validations.at(-1)!.epoch).toBe(best.epoch + 3);
    expect(history.at(-1)!.step).toBe(validations.at(-1)!.step);
    // Three images in batches of two: epochs end within steps 2 and 3, 5 and 6, …
    expect(validations.slice(0, 4).map(({ step }) => step)).toEqual([2, 3, 5, 6]);
  });

  describe('a frozen backbone', () => {
    const frozen = { ...withFrozenBackbone(small, { width: 96, height: 72 }), steps: 6 };
    const isOfBackbone = (name: string) => name.startsWith('backbone/');

    test('stays as it was, bit for bit, while the head learns', async () => {
      const start = begin(frozen);
      const { state, history } = await trained(start);
      for (const [name, { data }] of state.network.tensors) {
        const before = start.network.tensors.get(name)!.data;
        if (isOfBackbone(name)) expect(data).toEqual(before);
        else expect(data, name).not.toEqual(before);
      }
      for (const [name, { data }] of state.velocity)
        expect(data.some((value) => value !== 0)).toBe(!isOfBackbone(name));
      expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss);
    });

    test('gives the same bits with any number of workers, and resumed', async () => {
      const through = await trained(begin(frozen));
      const two = await trained(begin(frozen), { workers: 2 });
      expect(digestOf(two.state)).toBe(digestOf(through.state));
      const { state } = await trained(begin(frozen), { stop: 2 });
      const resumed = await trained(state);
      expect(digestOf(resumed.state)).toBe(digestOf(through.state));
    });

    test('is looked at once an image: what is kept is what would be seen again', async () => {
      const kept = new FrozenBackbone(begin(frozen).network, frozen);
      const samples = images.map((image, index) => ({ image, index, number: 7 + index }));
      const first = kept.look(samples);
      // Sample 7 again, with an image that would be seen otherwise.
      const again = kept.look([{ ...samples[0]!, image: { ...images[0]!, colour: images[1]!.colour } }]);
      const anew = new FrozenBackbone(begin(frozen).network, frozen);
      const alone = anew.look([samples[0]!]);
      for (const part of ['high', 'low'] as const) {
        const values = alone[part].dataSync<'float32'>();
        expect(again[part].dataSync()).toEqual(values);
        expect(first[part].dataSync<'float32'>().slice(0, values.length)).toEqual(values);
      }
      expect(first.labels.slice(0, alone.labels.length)).toEqual(alone.labels);
      for (const { high, low } of [first, again, alone]) tf.dispose([high, low]);
      kept.dispose();
      anew.dispose();
    });

    test('sees what inference sees', () => {
      const { network } = begin(frozen);
      const whole = { ...frozen, augment: [] };
      const look = new FrozenBackbone(network, whole);
      const inference = new InferenceNetwork(network);
      const seen = look.look([{ image: images[1]!, index: 1, number: 0 }]);
      const { high, low } = inference.features(images[1]!);
      expect(seen.high.dataSync()).toEqual(high[0]!.dataSync());
      expect(seen.low.dataSync()).toEqual(low.dataSync());
      tf.dispose([seen.high, seen.low, ...high, low]);
      look.dispose();
      inference.dispose();
    });
  });

  test('no tensor is left over, nor does the heap grow, in 200 steps', async () => {
    const before = tf.memory().numTensors;
    const exchange = alone(2);
    const options = { ...small, crop: { width: 16, height: 16 } };
    const replica = new Replica(begin(options), trainingOps('wasm', exchange), exchange);
    const samples = images.slice(0, 2).map((image, number) => ({ image, number, index: number }));
    await replica.step(samples, 0.01);
    await replica.step(samples, 0.01);
    const held = { ...tf.memory(), heap: linkKernels().heap().byteLength };
    for (let step = 2; step < 200; step++) {
      await replica.step(
        samples.map(({ image, index }, i) => ({ image, index, number: 2 * step + i })),
        0.01,
      );
      expect(tf.memory().numTensors).toBe(held.numTensors);
      expect(tf.memory().numBytes).toBe(held.numBytes);
    }
    expect(linkKernels().heap().byteLength).toBe(held.heap);
    await replica.close();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('a batch without a label has loss 0 and moves no weight but by decay', async () => {
    const blank = images.map((image) => ({ ...image, labels: image.labels.slice().fill(IGNORE) }));
    const start = begin({ ...small, steps: 1 });
    const { state, history } = await trained(start, { set: setOf(blank) });
    expect(history).toEqual([{ step: 1, epoch: 1, loss: 0, learningRate: 0.05 }]);
    const scale = 'backbone/stem/scale';
    expect(state.network.tensors.get(scale)).toEqual(start.network.tensors.get(scale));
    const [before, after] = [start, state].map((s) => s.network.tensors.get('backbone/stem/weights')!.data);
    for (const [i, w] of after!.entries()) expect(w).toBeCloseTo(before![i]! * (1 - 0.05 * 5e-4), 6);
  });

  test('options out of range are refused in a sentence', async () => {
    const refusal = (options: Partial<TrainingOptions>, count = 3) => {
      const set = { ...setOf(images), count };
      return expect(Trainer.open(begin({ ...small, ...options }), set)).rejects;
    };
    await refusal({ steps: 0 }).toThrow('Expected a whole number of training steps, got 0.');
    await refusal({ batch: 1 }).toThrow('Expected at least 2 images a training step, got 1.');
    await refusal({ crop: { width: 8, height: 64 } }).toThrow(
      'Expected training crops of at least 16×16 pixels, got 8×64.',
    );
    await refusal({ learningRate: 0 }).toThrow('Expected a positive learning rate, got 0.');
    await refusal({ scales: [0.5, 1] }).toThrow('Expected magnifications of crops from 1 up, got 0.5 to 1.');
    await refusal({ patience: 3 }).toThrow('Expected validation every epoch, as patience counts epochs');
    await refusal({ momentum: 1 }).toThrow('Expected a momentum in [0, 1), got 1.');
    await refusal({}, 0).toThrow('Training needs at least one labelled image.');
    await refusal({}, 4).toThrow('Training began on 3 images and cannot go on with 4.');
  });

  test('an image that cannot be loaded, or a worker that fails, ends training with the reason', async () => {
    const broken: ImageSet = { count: 3, load: async () => Promise.reject(new Error('no such image')) };
    await expect(trained(begin(small), { set: broken })).rejects.toThrow('no such image');
    const short = { ...images[0]!, colour: new Uint8Array(3), labels: undefined as unknown as Uint8Array };
    await expect(trained(begin(small), { set: setOf([short, short, short]), workers: 2 })).rejects.toThrow(
      'a training worker stopped',
    );
  });

  test('the cpu backend trains too, from the same loss', async () => {
    const start = begin({ ...small, steps: 1 });
    const fast = await trained(start);
    const slow = await trained(start, { backend: 'cpu', workers: 2 });
    expect(slow.history[0]!.loss).toBeCloseTo(fast.history[0]!.loss, 3);
  });

  test('the network learns a few images', async () => {
    const options = { ...QUICK_RECIPE, steps: 250, crop: { width: 64, height: 48 } };
    const { state } = await trained(begin(options), { workers: 2 });
    const inference = new InferenceNetwork(state.network);
    const confusion = new ConfusionMatrix(CLASSES.length);
    for (const image of images) confusion.add(image.labels, inference.labels(image));
    inference.dispose();
    // Measured 0.95 and 0.81; wall alone would be about 0.7 and 0.18. The margin is for other machines' rounding.
    expect(confusion.pixelAccuracy()).toBeGreaterThan(0.9);
    expect(confusion.meanIntersectionOverUnion()).toBeGreaterThan(0.65);
  });
});
