import { existsSync } from 'node:fs';
import { toHalves } from '../src/model/probability-map.js';
import { sumIncidences } from '../src/store/bin.js';
import { CpuPointStore } from '../src/store/cpu-point-store.js';
import { footprintOf } from '../src/store/footprint.js';
import type { Incidences } from '../src/store/incidences.js';
import { type Figure, SAMPLE, SCANNET, SIZE } from './figure.js';
import { firstScene, madeUp } from './inputs.js';

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
  const inputs = await firstScene(existsSync(SCANNET) ? SCANNET : SAMPLE);
  const frames = inputs.map(({ frame, superpixels }, i) => ({
    frame,
    superpixels,
    map: { ...SIZE, classes, data: toHalves(madeUp(SIZE, classes, i)) },
  }));
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
