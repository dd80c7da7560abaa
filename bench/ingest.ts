import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { map } from 'rxjs';
import { live } from '../pipelines/live.js';
import { KeyframeGate } from '../src/live/keyframes.js';
import { LiveRecording } from '../src/live/live-recording.js';
import { NetworkSource } from '../src/live/network-source.js';
import { saveNetwork } from '../src/model/checkpoint.js';
import { initialNetwork } from '../src/model/network.js';
import { type ProbabilityMap, toHalves } from '../src/model/probability-map.js';
import { random } from '../src/random.js';
import { createServer } from '../src/server/server.js';
import { openLiveRun } from '../src/stages/live/run.js';
import { networkMaps, type ProbabilitySource } from '../src/stages/segmentation.js';
import { capturedFrames, moved } from './captured.js';
import { type Figure, SIZE } from './figure.js';
import { madeUp } from './inputs.js';

const CLASSES = Array.from({ length: 13 }, (_, i) => `class ${i}`);
const DEVICES = 8;
const FPS = 10;
const SECONDS = 60;
/** Keyframes of the timed run without a network. */
const FRAMES = 240;
const EVERY_FRAME = { move: 0, turn: 0, sharpness: 0 };

interface Answered {
  readonly kept: readonly string[];
  readonly refused: number;
  readonly leftOut: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/**
 * Live capture as a whole. Everything but the network: frames of 640×480 on disk, from files to picks and tables. Then 8 devices
 * of 10 frames a second each over loopback, the devices in a process of their own on the same two cores, with
 * a stand-in network and with a real one.
 */
export async function benchIngest(): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'viewal-bench-'));
  try {
    const model = join(folder, 'model');
    const config = { width: 0.35, head: 'slim', classes: CLASSES.length } as const;
    await saveNetwork(model, initialNetwork(config, CLASSES, 1), 0);
    const rate = await withoutNetwork(join(folder, 'files'), model);
    return [
      {
        name: 'live: keyframes from files to picks, all but the network',
        value: rate,
        unit: 'frames/s',
        target: '≥ 15',
      },
      ...(await devices('stand-in network', join(folder, 'stand-in'), model, standIn())),
      ...(await devices('network (width 0.35, slim, 4 draws)', join(folder, 'real'), model)),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Probabilities at no cost. */
function standIn(): ProbabilitySource {
  const maps = Array.from(
    { length: 8 },
    (_, i): ProbabilityMap => ({
      ...{ ...SIZE, classes: CLASSES.length },
      data: toHalves(madeUp(SIZE, CLASSES.length, i)),
    }),
  );
  let next = 0;
  const onCpu = map(() => maps[next++ % maps.length]!);
  return { key: 'stand-in', maps: { onCpu, onGpu: undefined }, close: async () => {} };
}

async function withoutNetwork(out: string, model: string): Promise<number> {
  const frames = await capturedFrames();
  const next = random(1);
  const { run, source } = await openLiveRun(
    out,
    { model, budget: '10superpixels' },
    join(out, 'recording'),
    async () => {
      const recording = await LiveRecording.open(join(out, 'recording'), { classes: CLASSES });
      for (let i = 0; i < FRAMES; i++)
        await recording.add(moved(frames[i % frames.length]!, 'room', `${i}`.padStart(6, '0'), next));
      return new NetworkSource(recording, { gate: new KeyframeGate(EVERY_FRAME) });
    },
  );
  await source.close(); // no more come: those on disk are all
  const start = performance.now();
  await live(run, { source, network: standIn() }, { window: { by: 'frames', frames: 100 } }).forEach(
    () => {},
  );
  return FRAMES / ((performance.now() - start) / 1000);
}

async function devices(
  name: string,
  out: string,
  model: string,
  network?: ProbabilitySource,
): Promise<Figure[]> {
  const { run, source } = await openLiveRun(
    out,
    { model, draws: 4, budget: '10superpixels' },
    join(out, 'recording'),
    async () => {
      const recording = await LiveRecording.open(join(out, 'recording'), { classes: CLASSES });
      return new NetworkSource(recording, { gate: new KeyframeGate(EVERY_FRAME) });
    },
  );
  const server = await createServer(source, { address: { host: '127.0.0.1', port: 0 } });
  const url = await server.listen();
  const maps = network ?? (await networkMaps(run, model));
  let scored = 0;
  const running = live(
    run,
    { source, network: maps },
    { window: { by: 'time', milliseconds: 10_000 } },
  ).forEach((event) => {
    if (event.type === 'frame') scored++;
  });
  const memory: number[] = [];
  const watching = setInterval(() => memory.push(process.memoryUsage.rss() / 1e6), 1000);
  const start = performance.now();
  const script = fileURLToPath(new URL('./ingest-devices.js', import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [script, url, `${DEVICES}`, `${FPS}`, `${SECONDS}`],
    { maxBuffer: 2 ** 28 },
  );
  const seconds = (performance.now() - start) / 1000;
  const scoredMeanwhile = scored;
  clearInterval(watching);
  await server.app.close();
  await running;
  await maps.close();
  const answered = JSON.parse(stdout) as Answered;
  const stored = new Set(
    (await LiveRecording.open(join(out, 'recording'))).frames.map(({ scene, id }) => `${scene}/${id}`),
  );
  const lost = answered.kept.filter((frame) => !stored.has(frame)).length;
  const third = Math.floor(memory.length / 3);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return [
    {
      name: `live, ${DEVICES} devices at ${FPS} frames/s, ${name}: acknowledged`,
      value: answered.kept.length,
      unit: 'frames',
    },
    { name: '  acknowledged and lost', value: lost, unit: 'frames', target: '0' },
    { name: '  left out by devices whose credit was spent', value: answered.leftOut, unit: 'frames' },
    { name: '  scored meanwhile', value: scoredMeanwhile / seconds, unit: 'frames/s' },
    { name: '  to the acknowledgement, median', value: answered.p50, unit: 'ms' },
    { name: '  95 %', value: answered.p95, unit: 'ms' },
    { name: '  99 %', value: answered.p99, unit: 'ms' },
    { name: '  memory, middle third', value: mean(memory.slice(third, 2 * third)), unit: 'MB' },
    { name: '  memory, last third', value: mean(memory.slice(2 * third)), unit: 'MB' },
  ];
}
