import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Frame } from '../src/frame.js';
import { startBackend } from '../src/model/backend.js';
import { saveNetwork } from '../src/model/checkpoint.js';
import type { DeepLabConfig } from '../src/model/deeplab.js';
import { drawMasks } from '../src/model/dropout.js';
import { createSegmenter } from '../src/model/inference/create-segmenter.js';
import { InferenceNetwork } from '../src/model/inference/inference.js';
import { meanSoftmax } from '../src/model/inference/mean-softmax.js';
import { initialNetwork, type Network } from '../src/model/network.js';
import { alone } from '../src/model/training/exchange.js';
import { registerGradients } from '../src/model/training/gradients.js';
import { QUICK_RECIPE, type TrainingOptions } from '../src/model/training/recipe.js';
import { Replica } from '../src/model/training/replica.js';
import { initialState } from '../src/model/training/state.js';
import { Trainer } from '../src/model/training/trainer.js';
import { composedOps } from '../src/model/training/training-ops.js';
import { random } from '../src/random.js';
import { openRecording } from '../src/sources/open.js';
import { SAMPLE, SIZE } from './figure.js';

/** What a child process measures. */
export interface NetworkCase {
  readonly job: 'train' | 'infer';
  readonly config: DeepLabConfig;
  /** Crop of a training step. */
  readonly crop: { readonly width: number; readonly height: number };
  /** Ours in so many workers, or composed of stock kernels in one thread. */
  readonly engine: 'ours' | 'composed';
  readonly workers: number;
  /** Steps, or frames. */
  readonly rounds: number;
}

export interface NetworkResult {
  /** Median of a step or frame, after two that do not count. */
  readonly milliseconds: number;
  /** Largest resident set of the process, MB. */
  readonly megabytes: number;
}

const DRAWS = 20;

const asked = JSON.parse(process.argv[2]) as NetworkCase;
const { config } = asked;
const recording = await openRecording(SAMPLE);
const frames = await Promise.all(recording.frames.slice(0, 8).map((entry) => recording.read(entry, SIZE)));
const names = Array.from({ length: config.classes }, (_, c) => `class ${c}`);
const network = initialNetwork(config, names, 1);
const times = asked.job === 'train' ? await trainingTimes(network) : await inferenceTimes(network);
const counted = times.slice(2).sort((a, b) => a - b);
const result: NetworkResult = {
  milliseconds: counted[counted.length >> 1],
  megabytes: process.resourceUsage().maxRSS / 1000,
};
console.log(JSON.stringify(result));

async function trainingTimes(start: Network): Promise<number[]> {
  const images = frames.map(({ width, height, colour, labels }) => ({
    width,
    height,
    colour,
    labels: labels!,
  }));
  const options: TrainingOptions = {
    ...QUICK_RECIPE,
    steps: asked.rounds,
    crop: asked.crop,
    scales: [1, 1.5],
  };
  const state = initialState(start, options, images.length);
  const times: number[] = [];
  let last = performance.now();
  const tick = () => {
    times.push(performance.now() - last);
    last = performance.now();
  };
  if (asked.engine === 'ours') {
    const trainer = await Trainer.open(state, { count: images.length, load: (i) => images[i] }, undefined, {
      workers: asked.workers,
    });
    last = performance.now();
    for await (const _ of trainer.run()) tick();
    await trainer.close();
    return times;
  }
  await startBackend('wasm');
  registerGradients('wasm');
  const replica = new Replica(state, composedOps, alone(options.batch));
  last = performance.now();
  for (let step = 0; step < options.steps; step++) {
    const samples = Array.from({ length: options.batch }, (_, i) => step * options.batch + i);
    await replica.step(
      samples.map((number) => {
        const index = number % images.length;
        return { number, index, image: images[index] };
      }),
      options.learningRate,
    );
    tick();
  }
  return times;
}

async function inferenceTimes(start: Network): Promise<number[]> {
  if (asked.engine === 'composed') return composedInferenceTimes(start);
  const folder = await mkdtemp(join(tmpdir(), 'viewal-bench-'));
  try {
    await saveNetwork(folder, start, 0);
    const { workers } = asked;
    const segmenter = await createSegmenter({ model: folder, draws: DRAWS, seed: 1, workers });
    const times: number[] = [];
    const some = frames.slice(0, 2 * workers);
    for (let round = 0; round < asked.rounds; round++) {
      const begin = performance.now();
      await Promise.all(some.map((frame) => segmenter.predict(frame)));
      times.push((performance.now() - begin) / some.length);
    }
    await segmenter.close();
    return times;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function composedInferenceTimes(start: Network): Promise<number[]> {
  await startBackend('wasm');
  const inference = new InferenceNetwork(start, 'stock');
  const predict = (frame: Frame) => {
    const features = inference.features(frame);
    meanSoftmax(frame, DRAWS, (draw) => inference.logits(features, drawMasks(config, [random(draw)])));
    for (const tensor of [...features.high, features.low]) tensor.dispose();
  };
  return Array.from({ length: asked.rounds }, (_, round) => {
    const begin = performance.now();
    predict(frames[round % frames.length]);
    return performance.now() - begin;
  });
}
