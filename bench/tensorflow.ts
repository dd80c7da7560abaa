import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { Frame } from '../src/frame.js';
import { chooseBackend, type ThreadBackend } from '../src/model/backend.js';
import type { DeepLabConfig } from '../src/model/deeplab.js';
import { createSegmenter } from '../src/model/inference/create-segmenter.js';
import { initialNetwork, type Network } from '../src/model/network.js';
import { QUICK_RECIPE } from '../src/model/training/recipe.js';
import { initialState } from '../src/model/training/state.js';
import { Trainer } from '../src/model/training/trainer.js';
import { openRecording } from '../src/sources/open.js';
import { SAMPLE, SIZE } from './figure.js';

/**
 * `node dist/bench/tensorflow.js [--backend tensorflow] [--rounds 5] [--frames 6] [--steps 10]`: native TensorFlow beside
 * WebAssembly on all cores, in turns, because others may use the machine too: MC dropout at 320×240 and training steps of
 * batch 4. Prints the median round of each, and the median of the ratios.
 */
const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'tensorflow' },
    rounds: { type: 'string', default: '5' },
    frames: { type: 'string', default: '6' },
    steps: { type: 'string', default: '10' },
    draws: { type: 'string', default: '20' },
  },
});
const [rounds, frameCount, steps, draws] = [values.rounds, values.frames, values.steps, values.draws].map(
  Number,
);
const BACKENDS = ['wasm', values.backend as ThreadBackend] as const;
const CLASSES = Array.from({ length: 13 }, (_, c) => `class ${c}`);

/** Does one round, after which nothing is under way; gives what it did a second. */
interface Contender {
  readonly round: () => Promise<number>;
  readonly close: () => Promise<void>;
}

async function inferring(backend: ThreadBackend, network: Network): Promise<Contender> {
  const model = { kind: 'deeplab', network } as const;
  const segmenter = await createSegmenter({ model, draws, seed: 1, backend });
  return {
    round: async () => {
      const start = performance.now();
      await Promise.all(
        Array.from({ length: frameCount }, (_, i) => segmenter.predict(frames[i % frames.length])),
      );
      return (1000 * frameCount) / (performance.now() - start);
    },
    close: () => segmenter.close(),
  };
}

async function training(backend: ThreadBackend, network: Network): Promise<Contender> {
  const images = frames.map(({ labels, ...frame }) => ({ ...frame, labels: labels! }));
  const all = (rounds + 1) * steps;
  const recipe = { ...QUICK_RECIPE, steps: all, crop: { width: 160, height: 120 } };
  const set = { count: images.length, load: async (i: number) => images[i] };
  const trainer = await Trainer.open(initialState(network, recipe, images.length), set, undefined, {
    backend,
  });
  const run = trainer.run();
  return {
    round: async () => {
      const start = performance.now();
      for (let i = 0; i < steps; i++) await run.next();
      return (1000 * steps) / (performance.now() - start);
    },
    close: () => trainer.close(),
  };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

/** Rates of both backends, round by round; the first, in which kernels warm up, does not count. */
async function compare(start: (backend: ThreadBackend) => Promise<Contender>): Promise<string[]> {
  const contenders = await Promise.all(BACKENDS.map(start));
  const rates: number[][] = [];
  for (let round = 0; round <= rounds; round++) {
    const pair: number[] = [];
    for (const contender of contenders) pair.push(await contender.round());
    if (round > 0) rates.push(pair);
  }
  await Promise.all(contenders.map(({ close }) => close()));
  const each = BACKENDS.map((_, i) => median(rates.map((pair) => pair[i])).toPrecision(3));
  return [...each, median(rates.map(([wasm, native]) => native / wasm)).toFixed(2)];
}

for (const backend of BACKENDS) await chooseBackend(backend);
const recording = await openRecording(SAMPLE);
const frames: Frame[] = await Promise.all(
  recording.frames.slice(0, 8).map((entry) => recording.read(entry, SIZE)),
);
const table = new Table({
  head: ['', ...BACKENDS, 'ratio'],
  style: { head: [], border: [] },
  colAligns: ['left', 'right', 'right', 'right'],
});
for (const shape of [
  { width: 0.35, head: 'slim' },
  { width: 1, head: 'full' },
] as const) {
  const config: DeepLabConfig = { ...shape, classes: CLASSES.length };
  const network = initialNetwork(config, CLASSES, 1);
  const name = `width ${shape.width} ${shape.head}`;
  table.push(
    [`D = ${draws}, ${name}, frames/s`, ...(await compare((backend) => inferring(backend, network)))],
    [`training, ${name}, steps/s`, ...(await compare((backend) => training(backend, network)))],
  );
}
console.log(table.toString());
