import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { Frame } from '../src/frame.js';
import { openGpu } from '../src/gpu/device.js';
import type { DeepLabConfig } from '../src/model/deeplab.js';
import { GpuSegmenter } from '../src/model/inference/gpu/gpu-segmenter.js';
import { initialNetwork } from '../src/model/network.js';
import { WebGpuTensors } from '../src/model/webgpu-tensors.js';
import { openRecording } from '../src/sources/open.js';
import { SAMPLE, SIZE } from './figure.js';

/**
 * `node dist/bench/gpu-network.js [--frames 200] [--draws 20] [--classes 13]`: MC dropout on the GPU at 320×240, frames
 * decoded before: the first frame, which compiles the kernels, then frames a second with maps that are read and with
 * maps that stay.
 */
const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '200' },
    draws: { type: 'string', default: '20' },
    classes: { type: 'string', default: '13' },
    recording: { type: 'string', default: SAMPLE },
  },
});
const [frameCount, draws, classes] = [values.frames, values.draws, values.classes].map(Number);
const NETWORKS: readonly Omit<DeepLabConfig, 'classes'>[] = [
  { width: 0.35, head: 'slim' },
  { width: 1, head: 'full' },
];

async function readFrames(): Promise<Frame[]> {
  const recording = await openRecording(values.recording);
  return Promise.all(recording.frames.slice(0, 12).map((entry) => recording.read(entry, SIZE)));
}

/** Frames a second of all of them, as many at a time as the segmenter takes. */
async function rate(one: (frame: Frame) => Promise<void>, frames: readonly Frame[]): Promise<string> {
  const start = performance.now();
  await Promise.all(Array.from({ length: frameCount }, (_, i) => one(frames[i % frames.length])));
  await gpu.device.queue.onSubmittedWorkDone();
  return ((1000 * frameCount) / (performance.now() - start)).toPrecision(3);
}

const gpu = await openGpu();
const frames = await readFrames();
const table = new Table({
  head: ['network', 'first frame ms', 'read, frames/s', 'staying, frames/s', 'submitting ms', 'GPU MB'],
  style: { head: [], border: [] },
  colAligns: ['left', ...Array.from({ length: 5 }, () => 'right' as const)],
});
for (const shape of NETWORKS) {
  const names = Array.from({ length: classes }, (_, c) => `class ${c}`);
  const network = initialNetwork({ ...shape, classes }, names, 1);
  const segmenter = await GpuSegmenter.create(gpu, network, { draws, seed: 1 }, 'bench');
  let start = performance.now();
  await segmenter.predict(frames[0]);
  const first = performance.now() - start;
  // What the CPU spends on a frame while the GPU has nothing else to do.
  start = performance.now();
  const alone = await segmenter.predictOnGpu(frames[0]);
  const submitting = performance.now() - start;
  alone.release();
  const read = await rate(async (frame) => void (await segmenter.predict(frame)), frames);
  const staying = await rate(async (frame) => (await segmenter.predictOnGpu(frame)).release(), frames);
  table.push([
    `width ${shape.width} ${shape.head}`,
    first.toFixed(0),
    read,
    staying,
    submitting.toFixed(1),
    (WebGpuTensors.start(gpu).bytes / 1e6).toFixed(0),
  ]);
  await segmenter.close();
}
const { name, driver, software } = gpu.report;
console.log(
  `${name}${software ? ' (software)' : ''}, ${driver}; Node ${process.versions.node}, ${cpus()[0]?.model.trim()}`,
);
console.log(`320×240, ${classes} classes, D = ${draws}, ${frameCount} frames`);
console.log(`${table}`);
process.exit(0);
