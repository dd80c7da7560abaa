import { mkdtemp, rm } from 'node:fs/promises';
import type { Profiler } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { replay } from '../pipelines/replay.js';
import { closeGpu, openGpu } from '../src/gpu/device.js';
import { saveNetwork } from '../src/model/checkpoint.js';
import { initialNetwork } from '../src/model/network.js';
import { openRecording } from '../src/sources/open.js';
import { SILENT } from '../src/stages/monitor.js';
import { openRun } from '../src/stages/run.js';
import { SAMPLE } from './figure.js';
import { linkRecording } from './memory.js';

/**
 * `node dist/bench/gpu-replay.js [--frames 300] [--draws 20] [--width 1] [--head full] [--backend webgpu|wasm]`: a whole
 * replay from files on disk at 320×240, one scene of the sample's frames in turn, with random weights: frames a second, and where
 * the main thread's time went (`gpu.js` and `gpu-network.js` time the GPU). What runs before the first frame is warmed up.
 */
const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '300' },
    draws: { type: 'string', default: '20' },
    width: { type: 'string', default: '1' },
    head: { type: 'string', default: 'full' },
    backend: { type: 'string', default: 'webgpu' },
  },
});
const frames = Number(values.frames);
const backend = values.backend as 'webgpu' | 'wasm';

/** Milliseconds of the main thread by the part of the house whose code ran; waiting is `idle`. */
function byFolder({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Map<string, number> {
  const parts = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame)]));
  const spent = new Map<string, number>();
  samples.forEach((id, i) => {
    const part = parts.get(id)!;
    spent.set(part, (spent.get(part) ?? 0) + timeDeltas[i] / 1000);
  });
  return spent;
}

function partOf({ functionName, url }: { functionName: string; url: string }): string {
  if (functionName.startsWith('(')) return functionName.slice(1, -1);
  const [, ours] = /dist\/(src\/\w+|pipelines|bench)/.exec(url) ?? [];
  const [, packageName] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  return ours ?? packageName ?? 'Node';
}

const folder = await mkdtemp(join(tmpdir(), 'viewal-bench-'));
try {
  const recording = join(folder, 'recording');
  const warmUp = join(folder, 'warm-up');
  await linkRecording(recording, 1, frames);
  await linkRecording(warmUp, 1, 3);
  const model = join(folder, 'model');
  const { classes } = await openRecording(SAMPLE);
  const config = { width: Number(values.width) as 0.35 | 1, head: values.head as 'slim' | 'full' };
  await saveNetwork(model, initialNetwork({ ...config, classes: classes.length }, classes, 1), 0);
  const options = { backend, model, draws: Number(values.draws) };

  await replay(await openRun(join(folder, 'warm'), options, { recording: warmUp }));
  const gpu = backend === 'webgpu' ? await openGpu() : undefined;
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  const start = performance.now();
  let observed = 0;
  const monitor = {
    ...SILENT,
    begin: (...args: Parameters<typeof SILENT.begin>) => {
      const bar = SILENT.begin(...args);
      const end = () => {
        observed = performance.now() - start;
        bar.end();
      };
      return args[0] === 'observe' ? { ...bar, end } : bar;
    },
  };
  await replay(await openRun(join(folder, 'run'), options, { recording, monitor }));
  const { profile } = await session.post('Profiler.stop');

  const title = gpu
    ? `${gpu.report.name}${gpu.report.software ? ' (software)' : ''}, ${gpu.report.driver}`
    : 'wasm';
  console.log(`${title}; Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim()}`);
  console.log(
    `${((1000 * frames) / observed).toPrecision(3)} frames/s to the last pick, ${frames} frames, ${classes.length} classes, D = ${values.draws}, width ${values.width} ${values.head}`,
  );
  const table = new Table({
    head: ['main thread', 'ms a frame'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right'],
  });
  for (const [part, spent] of [...byFolder(profile)].sort(([, a], [, b]) => b - a))
    if (spent / frames >= 0.05) table.push([part, (spent / frames).toFixed(2)]);
  console.log(`${table}`);
} finally {
  await closeGpu();
  await rm(folder, { recursive: true });
}
