import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DeepLabConfig } from '../src/model/deeplab.js';
import { type Figure, SIZE } from './figure.js';
import type { NetworkCase, NetworkResult } from './network-child.js';

const SLIM = { width: 0.35, head: 'slim' } as const;
const FULL = { width: 1, head: 'full' } as const;
const QUARTER = { width: 160, height: 120 };

const nameOf = ({ width, head }: Pick<DeepLabConfig, 'width' | 'head'>) =>
  `width ${width.toFixed(2)} ${head}`;

/** Training steps and MC dropout by our kernels with a worker a core, and in one thread by ours and by composed ones. */
export async function benchNetwork(): Promise<Figure[]> {
  const workers = availableParallelism();
  const figures: Figure[] = [];
  const measure = async (name: string, target: string, asked: Omit<NetworkCase, 'engine' | 'workers'>) => {
    const ours = await child({ ...asked, engine: 'ours', workers });
    const alone = await child({ ...asked, engine: 'ours', workers: 1 });
    const composed = await child({ ...asked, engine: 'composed', workers: 1 });
    figures.push(
      { name, value: ours.milliseconds, unit: 'ms', target },
      { name: '  one worker', value: alone.milliseconds, unit: 'ms' },
      { name: '  one thread, composed kernels', value: composed.milliseconds, unit: 'ms' },
      { name: '  composed / ours in one', value: composed.milliseconds / alone.milliseconds, unit: '×' },
      { name: '  composed / ours', value: composed.milliseconds / ours.milliseconds, unit: '×' },
      {
        name: '  peak memory of the process',
        value: ours.megabytes,
        unit: 'MB',
        ...(asked.job === 'train' && asked.config.width === 1 ? { target: '< 1500' } : {}),
      },
    );
  };
  for (const [config, crop, target] of [
    [SLIM, QUARTER, '≤ 160'],
    [SLIM, SIZE, '≤ 350'],
    [FULL, SIZE, '≤ 1300'],
  ] as const) {
    const name = `training step, batch 4, ${crop.width}×${crop.height}, ${nameOf(config)}, ${workers} workers`;
    await measure(name, target, { job: 'train', config: { ...config, classes: 13 }, crop, rounds: 13 });
  }
  for (const [config, target] of [
    [SLIM, '≤ 250'],
    [FULL, '≤ 1000'],
  ] as const)
    for (const classes of [13, 40]) {
      const name = `MC dropout D = 20, 320×240, ${nameOf(config)}, ${classes} classes, ${workers} workers`;
      await measure(name, target, { job: 'infer', config: { ...config, classes }, crop: SIZE, rounds: 7 });
    }
  return figures;
}

/** In a process of its own, whose memory is its alone. */
async function child(asked: NetworkCase): Promise<NetworkResult> {
  const script = fileURLToPath(new URL('./network-child.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(asked)]);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as NetworkResult;
}
