import { existsSync } from 'node:fs';
import { openRecording } from '../src/sources/open.js';
import { readIds } from '../src/sources/superpixel-files.js';
import { relabel } from '../src/superpixels/connected.js';
import { boundaryRecall, undersegmentationError } from '../src/superpixels/metrics.js';
import { seeds } from '../src/superpixels/seeds.js';
import type { Superpixels } from '../src/superpixels/superpixels.js';
import { type Figure, median, SAMPLE, SCANNET, SIZE } from './figure.js';

/** Time and quality of the superpixels; on real frames beside those of the original C++ SEEDS. */
export async function benchSuperpixels(): Promise<Figure[]> {
  const real = existsSync(SCANNET);
  const recording = await openRecording(real ? SCANNET : SAMPLE);
  const ours = { recall: 0, error: 0, count: 0 };
  const reference = { recall: 0, error: 0, count: 0 };
  const times: number[] = [];
  const add = (sums: typeof ours, superpixels: Superpixels, labels: Uint8Array) => {
    sums.recall += boundaryRecall(superpixels, labels) / recording.frames.length;
    sums.error += undersegmentationError(superpixels, labels) / recording.frames.length;
    sums.count += superpixels.count / recording.frames.length;
  };
  for (const entry of recording.frames) {
    const frame = await recording.read(entry, SIZE);
    times.push(await median(3, () => seeds(frame.colour, frame)));
    add(ours, seeds(frame.colour, frame), frame.labels!);
    const file = recording.superpixelFile(entry);
    if (file !== undefined) add(reference, relabel(await readIds(file, SIZE), SIZE), frame.labels!);
  }
  times.sort((a, b) => a - b);
  return [
    { name: 'SEEDS', value: times[times.length >> 1], unit: 'ms/frame', target: '≤ 40' },
    { name: 'SEEDS count', value: ours.count, unit: 'superpixels' },
    {
      name: 'boundary recall (2 px)',
      value: ours.recall,
      unit: '',
      ...(real ? { target: `≥ ${reference.recall.toFixed(3)}` } : {}),
    },
    {
      name: 'undersegmentation error',
      value: ours.error,
      unit: '',
      ...(real ? { target: `≤ ${reference.error.toFixed(3)}` } : {}),
    },
    ...(real ? [{ name: 'reference count', value: reference.count, unit: 'superpixels' }] : []),
  ];
}
