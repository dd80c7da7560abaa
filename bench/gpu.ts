import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { type Gpu, openGpu } from '../src/gpu/device.js';
import { GpuTimer } from '../src/gpu/timer.js';
import { GpuBinner } from '../src/store/gpu/binner.js';
import { GpuPointStore } from '../src/store/gpu-point-store.js';
import { SAMPLE, SIZE } from './figure.js';
import { firstScene, type Input, madeUp } from './inputs.js';

/**
 * `node dist/bench/gpu.js [--frames 10000] [--classes 13,40] [--in-flight 8]`: binning, integrating and scoring on the
 * GPU at 320×240, after 100 frames and after many, timed by the GPU's clock where it has one.
 */
const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '1000' },
    classes: { type: 'string', default: '13,40' },
    'in-flight': { type: 'string', default: '8' },
    recording: { type: 'string', default: SAMPLE },
  },
});
const frameCount = Number(values.frames);
const classCounts = values.classes.split(',').map(Number);
const inFlight = Number(values['in-flight']);
/** Frames that are timed at the end of each stretch. */
const TIMED = Math.min(100, frameCount);
/** Times that each place of the recording is passed before the camera moves on to another. */
const PASSES = 4;
/** Metres between places: no surface of one is seen from another. */
const APART = 50;

/** Bytes a second that the device moves when it copies, counted both ways. */
async function copyBandwidth(gpu: Gpu): Promise<number> {
  const { device, report } = gpu;
  const size = report.software ? 2 ** 26 : 2 ** 28;
  const { COPY_SRC, COPY_DST } = GPUBufferUsage;
  const from = await gpu.allocate(size, COPY_SRC | COPY_DST, 'from');
  const to = await gpu.allocate(size, COPY_SRC | COPY_DST, 'to');
  const copies = report.software ? 4 : 100;
  const run = async () => {
    const encoder = device.createCommandEncoder();
    for (let i = 0; i < copies; i++)
      encoder.copyBufferToBuffer(i % 2 ? to : from, 0, i % 2 ? from : to, 0, size);
    const start = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / 1000;
  };
  await run();
  const seconds = Math.min(await run(), await run(), await run());
  from.destroy();
  to.destroy();
  return (2 * size * copies) / seconds;
}

/**
 * Bytes that the kernels read and write for a frame, each word counted once a kernel, atomics twice: what must pass the
 * memory if caches hold nothing from one kernel to the next.
 */
function bytesMoved(C: number, rows: number, voxels: number): number {
  const pixels = SIZE.width * SIZE.height;
  const slots = 2 * 2 ** Math.ceil(Math.log2(2 * pixels));
  const sums = 2 * C + 1;
  const own = 2 * C + 2;
  const words =
    pixels * (1 + 0.5 + 4) + // project
    slots + // cleared
    pixels * (4 + 2 + 4) + // claim
    pixels * (8 + 2 + 1) + // number
    rows * sums +
    voxels * own + // cleared
    pixels * (1 + C) +
    2 * rows * sums + // sum
    rows * (4 + sums) +
    2 * voxels * own + // reduce
    voxels * (10 + 2 + 3) + // insert
    voxels * 2 + // check
    voxels * 3 * own + // add
    voxels * (10 + 2 * (2 + 3)) + // neighbours
    voxels * (4 * own + 4 + C) + // gather
    rows * (4 + 2 * C); // score
  return 4 * words;
}

interface Stretch {
  readonly frames: number;
  readonly voxels: number;
  readonly rowsInFrame: number;
  readonly voxelsInFrame: number;
  /** Milliseconds a frame by stage, by the GPU's clock; undefined without one. */
  readonly gpu: ReadonlyMap<string, number> | undefined;
  /** Milliseconds a frame from call to answer, with so many frames under way. */
  readonly wall: number;
}

async function measure(gpu: Gpu, inputs: readonly Input[], classes: number): Promise<Stretch[]> {
  const map = await gpu.upload(madeUp(SIZE, classes, classes), 'map');
  const binner = await GpuBinner.create(gpu, SIZE, classes);
  const store = await GpuPointStore.create(gpu, classes);
  const one = async (i: number): Promise<void> => {
    const { frame, superpixels } = inputs[i % inputs.length];
    const cameraToWorld = frame.cameraToWorld.slice();
    cameraToWorld[3] += APART * Math.floor(i / (PASSES * inputs.length));
    const rows = await binner.bin({ ...frame, cameraToWorld }, superpixels, map, 0.02);
    await store.observe(rows, `${i}`);
    binner.release(rows);
  };
  const many = async (from: number, to: number): Promise<void> => {
    let next = from;
    const lane = async () => {
      while (next < to) await one(next++);
    };
    await Promise.all(Array.from({ length: Math.min(inFlight, to - from) }, lane));
  };
  const stretches: Stretch[] = [];
  let done = 0;
  for (const frames of frameCount > TIMED ? [TIMED, frameCount] : [TIMED]) {
    // Kernels are warm and the table has its size when timing begins.
    if (done === 0) await many(0, Math.min(inFlight, TIMED));
    await many(done, frames - TIMED);
    const timer = gpu.device.features.has('timestamp-query') ? new GpuTimer(gpu.device) : undefined;
    gpu.timer = timer;
    const start = performance.now();
    await many(frames - TIMED, frames);
    const wall = (performance.now() - start) / TIMED;
    gpu.timer = undefined;
    const spent = await timer?.read();
    const { frame, superpixels } = inputs[0];
    const rows = await binner.bin(frame, superpixels, map, 0.02);
    const [rowsInFrame, voxelsInFrame] = await gpu.read(rows.counts, 2);
    binner.release(rows);
    stretches.push({
      frames,
      voxels: await store.countVoxels(),
      rowsInFrame,
      voxelsInFrame,
      gpu: spent && new Map([...spent].map(([label, seconds]) => [label, (1000 * seconds) / TIMED])),
      wall,
    });
    done = frames;
  }
  store.destroy();
  binner.destroy();
  map.destroy();
  return stretches;
}

const gpu = await openGpu();
const inputs = await firstScene(values.recording);
const bandwidth = await copyBandwidth(gpu);
const table = new Table({
  head: [
    'classes',
    'frames',
    'voxels',
    'bin',
    'integrate',
    'score',
    'all ms',
    'frames/s',
    'wall/s',
    'GB/s',
    'of copy',
  ],
  style: { head: [], border: [] },
  chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  colAligns: Array.from({ length: 11 }, () => 'right'),
});
const json: unknown[] = [];
for (const classes of classCounts)
  for (const stretch of await measure(gpu, inputs, classes)) {
    const stages = ['bin', 'integrate', 'score'].map((label) => stretch.gpu?.get(label));
    const all =
      stretch.gpu === undefined ? stretch.wall : [...stretch.gpu.values()].reduce((a, b) => a + b, 0);
    const rate = bytesMoved(classes, stretch.rowsInFrame, stretch.voxelsInFrame) / (all / 1000);
    table.push([
      classes,
      stretch.frames,
      stretch.voxels,
      ...stages.map((ms) => ms?.toPrecision(3) ?? '–'),
      all.toPrecision(3),
      (1000 / all).toPrecision(3),
      (1000 / stretch.wall).toPrecision(3),
      (rate / 1e9).toPrecision(3),
      `${((100 * rate) / bandwidth).toFixed(0)} %`,
    ]);
    json.push({ classes, ...stretch, gpu: stretch.gpu && Object.fromEntries(stretch.gpu), rate, bandwidth });
  }
const { name, driver, software } = gpu.report;
console.log(
  `${name}${software ? ' (software)' : ''}, ${driver}; Node ${process.versions.node}, ${cpus()[0]?.model.trim()}`,
);
console.log(
  `copy bandwidth ${(bandwidth / 1e9).toPrecision(3)} GB/s, read and written; 320×240, ${inFlight} frames in flight`,
);
console.log(`${table}`);
console.log(JSON.stringify(json));
process.exit(0);
