import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { GpuPairwiseScorer } from '../src/geometry/gpu/gpu-pairwise-scorer.js';
import { scorePairwise, type View } from '../src/geometry/pairwise.js';
import { type Gpu, openGpu } from '../src/gpu/device.js';
import { GpuTimer } from '../src/gpu/timer.js';
import { toHalves } from '../src/model/probability-map.js';
import { SAMPLE, SIZE } from './figure.js';
import { firstScene, type Input, madeUp } from './inputs.js';

/**
 * `node dist/bench/gpu-pairwise.js [--views 27,100,500] [--classes 13,40] [--scored 20] [--recording <folder>]`: exact
 * reprojection on the GPU at 320×240, scenes of so many views, by the GPU's clock where it has one; and on one core of the
 * CPU beside it.
 */
const { values } = parseArgs({
  options: {
    views: { type: 'string', default: '27,100,500' },
    classes: { type: 'string', default: '13,40' },
    scored: { type: 'string', default: '20' },
    recording: { type: 'string', default: SAMPLE },
  },
});
const viewCounts = values.views.split(',').map(Number);
const classCounts = values.classes.split(',').map(Number);
/** Metres that the camera moves on whenever the scene's frames have been used up, so that no two views are the same. */
const STEP = 0.01;

interface Measured {
  /** Observations of the first frame's pixels. */
  readonly observations: number;
  /** Milliseconds to upload the scene. */
  readonly upload: number;
  /** Milliseconds a frame by kernel, by the GPU's clock; undefined without one. */
  readonly gpu: ReadonlyMap<string, number> | undefined;
  /** Milliseconds a frame, from call to answer. */
  readonly wall: number;
  readonly cpu: number;
}

async function measure(
  gpu: Gpu,
  inputs: readonly Input[],
  count: number,
  classes: number,
): Promise<Measured> {
  const probabilities = { ...SIZE, classes, data: toHalves(madeUp(SIZE, classes, classes)) };
  const views = Array.from({ length: count }, (_, i): View => {
    const { frame } = inputs[i % inputs.length];
    const cameraToWorld = frame.cameraToWorld.slice();
    cameraToWorld[3] += STEP * Math.floor(i / inputs.length);
    return { frame: { ...frame, cameraToWorld }, probabilities };
  });
  const scorer = await GpuPairwiseScorer.create(gpu, SIZE, classes, count);
  const before = performance.now();
  for (const view of views) await scorer.add(view);
  const upload = performance.now() - before;

  const scored = Math.min(Number(values.scored), count);
  const chosen = Array.from({ length: scored }, (_, i) => Math.floor((i * count) / scored));
  const superpixelsOf = (view: number) => inputs[view % inputs.length].superpixels;
  // Kernels are warm when timing begins.
  const { observations } = await scorer.scorePixels(0);
  await scorer.score(0, superpixelsOf(0));
  const start = performance.now();
  for (const view of chosen) await scorer.score(view, superpixelsOf(view));
  const wall = (performance.now() - start) / scored;
  const spent = gpu.device.features.has('timestamp-query') ? new Map<string, number>() : undefined;
  if (spent !== undefined) {
    const timer = new GpuTimer(gpu.device);
    gpu.timer = timer;
    for (const view of chosen) {
      await scorer.score(view, superpixelsOf(view));
      for (const [label, seconds] of await timer.read())
        spent.set(label, (spent.get(label) ?? 0) + (1000 * seconds) / scored);
    }
    gpu.timer = undefined;
  }
  scorer.destroy();

  const onCpu = performance.now();
  await scorePairwise(views[0], views.slice(1));
  return {
    observations: observations.reduce((sum, n) => sum + n, 0),
    upload,
    gpu: spent,
    wall,
    cpu: performance.now() - onCpu,
  };
}

const gpu = await openGpu();
const inputs = await firstScene(values.recording);
const head = [
  'classes',
  'views',
  'observations',
  'upload ms',
  'reproject',
  'gather',
  'score',
  'all ms',
  'frames/s',
  'wall/s',
  'CPU/s',
];
const table = new Table({
  head,
  style: { head: [], border: [] },
  chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  colAligns: head.map(() => 'right'),
});
const json: unknown[] = [];
for (const classes of classCounts)
  for (const count of viewCounts) {
    const measured = await measure(gpu, inputs, count, classes);
    const { gpu: spent, wall, upload, cpu, observations } = measured;
    const all = spent === undefined ? wall : [...spent.values()].reduce((a, b) => a + b, 0);
    const scoring = spent && (spent.get('score') ?? 0) + (spent.get('average') ?? 0);
    const stages = [spent?.get('reproject'), spent?.get('gather'), scoring];
    table.push([
      classes,
      count,
      observations,
      upload.toFixed(0),
      ...stages.map((ms) => ms?.toPrecision(3) ?? '–'),
      all.toPrecision(3),
      (1000 / all).toPrecision(3),
      (1000 / wall).toPrecision(3),
      (1000 / cpu).toPrecision(3),
    ]);
    json.push({ classes, views: count, ...measured, gpu: spent && Object.fromEntries(spent) });
  }
const { name, driver, software } = gpu.report;
console.log(
  `${name}${software ? ' (software)' : ''}, ${driver}; Node ${process.versions.node}, ${cpus()[0]?.model.trim()}`,
);
console.log('320×240; milliseconds a frame; observations of the first frame');
console.log(`${table}`);
console.log(JSON.stringify(json));
process.exit(0);
