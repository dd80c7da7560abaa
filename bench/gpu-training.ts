import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { openGpu } from '../src/gpu/device.js';
import type { DeepLabConfig } from '../src/model/deeplab.js';
import { initialNetwork } from '../src/model/network.js';
import type { LabelledImage } from '../src/model/training/crop.js';
import { QUICK_RECIPE } from '../src/model/training/recipe.js';
import { initialState } from '../src/model/training/state.js';
import { Trainer } from '../src/model/training/trainer.js';
import { WebGpuTensors } from '../src/model/webgpu-tensors.js';
import { openRecording } from '../src/sources/open.js';
import { SAMPLE, SIZE } from './figure.js';

/**
 * `node dist/bench/gpu-training.js [--steps 50] [--cpu-steps 8] [--batch 8] [--classes 13]`: training steps at 320×240 on
 * the GPU and on wasm with a worker a core, one after the other, crops and augmentation included; and how many times the
 * rate of wasm the GPU's is.
 */
const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '50' },
    'cpu-steps': { type: 'string', default: '8' },
    batch: { type: 'string', default: '8' },
    classes: { type: 'string', default: '13' },
    recording: { type: 'string', default: SAMPLE },
  },
});
const [steps, cpuSteps, batch, classes] = [
  values.steps,
  values['cpu-steps'],
  values.batch,
  values.classes,
].map(Number);
const NETWORKS: readonly Omit<DeepLabConfig, 'classes'>[] = [
  { width: 0.35, head: 'slim' },
  { width: 1, head: 'full' },
];
/** Steps that do not count: kernels compile, workers come to speed. */
const WARM = 2;

async function readImages(): Promise<LabelledImage[]> {
  const recording = await openRecording(values.recording);
  const frames = await Promise.all(recording.frames.slice(0, 12).map((entry) => recording.read(entry, SIZE)));
  return frames.map(({ width, height, colour, labels }) => ({ width, height, colour, labels: labels! }));
}

interface Rate {
  /** Milliseconds until the first step's loss is known. */
  readonly first: number;
  readonly stepsASecond: number;
}

async function rate(
  shape: Omit<DeepLabConfig, 'classes'>,
  backend: 'webgpu' | 'wasm',
  counted: number,
): Promise<Rate> {
  const names = Array.from({ length: classes }, (_, c) => `class ${c}`);
  const options = { ...QUICK_RECIPE, steps: counted + WARM, batch, crop: SIZE };
  const state = initialState(initialNetwork({ ...shape, classes }, names, 1), options, images.length);
  const set = { count: images.length, load: (i: number) => images[i] };
  const trainer = await Trainer.open(state, set, undefined, { backend });
  let start = performance.now();
  let first = 0;
  for await (const { step } of trainer.run()) {
    if (step === 1) first = performance.now() - start;
    if (step === WARM) start = performance.now();
  }
  const stepsASecond = (1000 * counted) / (performance.now() - start);
  if (backend === 'webgpu') megabytes = WebGpuTensors.start(gpu).bytes / 1e6;
  await trainer.close();
  return { first, stepsASecond };
}

const gpu = await openGpu();
const images = await readImages();
let megabytes = 0;
const table = new Table({
  head: ['network', 'first step ms', 'GPU, steps/s', 'wasm, steps/s', 'ratio', 'GPU MB'],
  style: { head: [], border: [] },
  colAligns: ['left', ...Array.from({ length: 5 }, () => 'right' as const)],
});
for (const shape of NETWORKS) {
  const onGpu = await rate(shape, 'webgpu', steps);
  const onWasm = await rate(shape, 'wasm', cpuSteps);
  table.push([
    `width ${shape.width} ${shape.head}`,
    onGpu.first.toFixed(0),
    onGpu.stepsASecond.toPrecision(3),
    onWasm.stepsASecond.toPrecision(3),
    `${(onGpu.stepsASecond / onWasm.stepsASecond).toPrecision(3)} ×`,
    megabytes.toFixed(0),
  ]);
}
const { name, driver, software } = gpu.report;
console.log(
  `${name}${software ? ' (software)' : ''}, ${driver}; Node ${process.versions.node}, ${availableParallelism()} × ${cpus()[0]?.model.trim()}`,
);
console.log(`320×240, ${classes} classes, batch ${batch}; ${steps} steps on the GPU, ${cpuSteps} on wasm`);
console.log(`${table}`);
process.exit(0);
