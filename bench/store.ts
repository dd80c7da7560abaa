import { existsSync } from 'node:fs';
import type { Frame } from '../src/frame.js';
import { type ProbabilityMap, toHalves } from '../src/model/probability-map.js';
import { random } from '../src/random.js';
import { openRecording } from '../src/sources/open.js';
import { sumIncidences } from '../src/store/bin.js';
import { CpuPointStore } from '../src/store/cpu-point-store.js';
import { footprintOf } from '../src/store/footprint.js';
import type { Incidences } from '../src/store/incidences.js';
import { seeds } from '../src/superpixels/seeds.js';
import type { Superpixels } from '../src/superpixels/superpixels.js';
import { type Figure, SAMPLE, SCANNET, SIZE } from './figure.js';

/** Binning, integrating and scoring, on one core, with few frames and with many. */
export async function benchStore(): Promise<Figure[]> {
  const figures: Figure[] = [];
  await timeStore(60, 13); // so that the first figure is no slower for being the first
  for (const classes of [13, 40]) {
    for (const count of [27, 540]) {
      const { bin, integrate, score, rows } = await timeStore(count, classes);
      const name = (what: string) => `${what}, ${count} frames, ${classes} classes`;
      figures.push({
        name: name('bin + integrate + score'),
        value: bin + integrate + score,
        unit: 'ms/frame',
        ...(classes === 13 ? { target: '≤ 60' } : {}),
      });
      figures.push({ name: name('  bin'), value: bin, unit: 'ms/frame' });
      figures.push({ name: name('  integrate'), value: integrate, unit: 'ms/frame' });
      figures.push({ name: name('  score'), value: score, unit: 'ms/frame' });
      figures.push({ name: name('  incidences'), value: rows, unit: 'rows/frame' });
    }
  }
  return figures;
}

/** Real frames, over and over until there are enough; probabilities are made up, which costs the same. */
async function timeStore(count: number, classes: number) {
  const recording = await openRecording(existsSync(SCANNET) ? SCANNET : SAMPLE);
  const scene = recording.frames[0].scene;
  const entries = recording.frames.filter((entry) => entry.scene === scene);
  const frames: { frame: Frame; superpixels: Superpixels; map: ProbabilityMap }[] = [];
  for (const [i, entry] of entries.entries()) {
    const frame = await recording.read(entry, SIZE);
    frames.push({ frame, superpixels: seeds(frame.colour, frame), map: madeUp(frame, classes, i) });
  }
  const store = new CpuPointStore(classes);
  const kept: Incidences[] = [];
  const spent = { bin: 0, integrate: 0, score: 0, rows: 0 };
  const clock = async <T>(what: 'bin' | 'integrate' | 'score', work: () => T | Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    spent[what] += (performance.now() - start) / count;
    return result;
  };
  for (let i = 0; i < count; i++) {
    const { frame, superpixels, map } = frames[i % frames.length];
    const rows = await clock('bin', () => sumIncidences(footprintOf(frame, superpixels, 0.02), map));
    await clock('integrate', () => store.integrate(rows, `${i}`));
    if (i < frames.length) kept.push(rows);
    spent.rows += rows.pixels.length / count;
  }
  for (let i = 0; i < count; i++) await clock('score', () => store.score(kept[i % kept.length]));
  return spent;
}

export function madeUp({ width, height }: Frame, classes: number, seed: number): ProbabilityMap {
  const next = random(seed);
  const values = new Float32Array(width * height * classes);
  for (let at = 0; at < values.length; at += classes) {
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      values[at + c] = next() ** 6 + 1e-6;
      sum += values[at + c];
    }
    for (let c = 0; c < classes; c++) values[at + c] /= sum;
  }
  return { width, height, classes, data: toHalves(values) };
}
